"""One snapshot of a host for all that wait."""

import collections
import itertools
import time

import pytest

from masakari_lite import concurrency, exceptions
from masakari_lite.compute.poller import HostPoller
from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST

INTERVAL = 0.05
LONG = 3600
ANY = "any-instance"


@pytest.fixture
def impatient(connect):
    """A NovaAPI that tries everything once and has its token already."""
    nova = connect(nova__retry_period=0)
    nova.client.negotiate()
    nova.services.get(HOST)
    return nova


@pytest.fixture
def poller(impatient):
    return HostPoller(impatient, HOST, INTERVAL)


@pytest.fixture
def servers(simulator):
    return [simulator.cloud.add_server(HOST) for _ in range(5)]


def change(simulator, server, **values):
    with simulator.cloud.up_to_date():
        simulator.cloud.update(server, **values)


def destroy(simulator, server):
    with simulator.cloud.up_to_date():
        simulator.cloud.destroy(server)


def accept_evacuation(simulator, server):
    """Add a record as Nova's API does: it has no updated_at yet."""
    with simulator.cloud.up_to_date():
        return simulator.cloud.new_migration(server, "evacuation", "accepted", HOST, None)


def end_evacuations(simulator, records):
    with simulator.cloud.up_to_date():
        for record in records:
            simulator.cloud.set_migration(record, status="done", dest_compute="compute-2")


def poll(nova):
    nova.evacuations.poll(INTERVAL)


class TestOpen:
    def test_the_host_as_it_is(self, simulator, poller, servers):
        simulator.cloud.add_server("compute-2")
        record = accept_evacuation(simulator, servers[0])
        found = poller.open()
        assert sorted(instance.uuid for instance in found) == sorted(server.uuid for server in servers)
        assert poller.get_evacuation(servers[0].uuid).id == record.id
        assert poller.get_evacuation(servers[1].uuid) is None

    def test_old_records_are_told_from_new_ones(self, simulator, poller, servers):
        old = accept_evacuation(simulator, servers[0])
        poller.open()
        assert poller.get_evacuation(servers[0].uuid, after=old.id) is None
        assert poller.get_evacuation(servers[0].uuid, after=old.id - 1).id == old.id

    def test_the_newest_record_counts(self, simulator, poller, servers):
        ids = [accept_evacuation(simulator, servers[0]).id for _ in range(3)]
        poller.open()
        assert poller.get_evacuation(servers[0].uuid).id == max(ids)

    def test_an_error_is_not_hidden(self, simulator, poller):
        simulator.faults.add("server.list", Fault(status=503))
        with pytest.raises(exceptions.NovaUnanswered):
            poller.open()


class TestWaiting:
    def wait_all(self, poller, servers, check):
        def wait_for(server):
            return poller.wait_for(server.uuid, lambda: check(server), 30, "it")

        outcomes = list(concurrency.run_all(wait_for, servers, len(servers)))
        assert [outcome.error for outcome in outcomes if outcome.error] == []

    def test_one_poll_for_all_and_only_who_has_news_looks_again(self, simulator, impatient):
        poller = HostPoller(impatient, HOST, LONG)
        servers, records = [], {}
        for _ in range(30):
            server = simulator.cloud.add_server(HOST)
            records[server.uuid] = accept_evacuation(simulator, server)
            servers.append(server)
        poller.open()
        looked = collections.Counter()

        def is_done(server):
            looked[server.uuid] += 1
            if len(looked) == len(records):
                end_evacuations(simulator, records.values())
            found = poller.get_evacuation(server.uuid)
            return found if found.is_done else None

        self.wait_all(poller, servers, is_done)
        assert looked.total() <= 3 * len(records)
        assert simulator.requests.count("migration.list") <= len(records)
        assert simulator.requests.count("server.list") == 1
        assert simulator.requests.count("server.show") == 0

    def test_without_news_it_looks_again_after_an_interval(self, poller):
        poller.open()
        looked = itertools.count(1)
        assert poller.wait_for(ANY, lambda: next(looked) == 3 or None, 30, "the third time")

    def test_an_instance_is_asked_for_by_itself(self, simulator, poller):
        servers = [simulator.cloud.add_server(HOST) for _ in range(5)]
        poller.open()
        for server in servers:
            change(simulator, server, vm_state="stopped")
        asked_at = time.monotonic()

        def is_stopped(server):
            return poller.get_instance(server.uuid, since=asked_at).vm_state == "stopped" or None

        self.wait_all(poller, servers, is_stopped)
        assert simulator.requests.count("server.list") == 1  # not the changes of the whole cloud
        assert simulator.requests.count("server.show") == 5

    def test_the_end_of_an_evacuation_is_seen(self, simulator, clock, poller, impatient, down):
        poller.open()
        impatient.servers.evacuate(down.uuid)

        def is_done():
            clock.advance(2)
            record = poller.get_evacuation(down.uuid)
            return record if record and record.is_done else None

        assert poller.wait_for(down.uuid, is_done, 30, "its end").dest_host == down.host != HOST

    def test_a_limit(self, poller):
        poller.open()
        began = time.monotonic()
        with pytest.raises(exceptions.WaitTimeout, match=r"^the end: not within 0\.1 s$"):
            poller.wait_for(ANY, lambda: None, 0.1, "the end")
        assert time.monotonic() - began >= 0.1

    def test_with_no_time_it_looks_once(self, simulator, poller, servers):
        poller.open()
        assert poller.wait_for(ANY, lambda: 7, 0, "it") == 7
        with pytest.raises(exceptions.WaitTimeout):
            poller.wait_for(ANY, lambda: None, 0, "it")

    def test_a_false_answer_is_an_answer(self, poller):
        assert poller.wait_for(ANY, lambda: 0, 5, "it") == 0

    def test_other_errors_end_the_waiting(self, poller):
        def fail():
            raise exceptions.EvacuationFailed("so it ended")

        with pytest.raises(exceptions.EvacuationFailed):
            poller.wait_for(ANY, fail, 5, "it")

    def test_who_waits_is_told_when_nothing_is_polled_any_more(self, poller, impatient, monkeypatch):
        poller.open()
        monkeypatch.setattr(impatient.migrations, "list_evacuations", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            poller.wait_for(ANY, lambda: None, 30, "it")
        monkeypatch.undo()
        poller.wait_for(ANY, lambda: impatient.evacuations.answered_at or None, 30, "it")


class TestNoAnswer:
    def test_not_to_know_is_not_to_fail(self, simulator, poller):
        poller.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=6))
        # far beyond the limit, Nova answers again
        assert poller.wait_for(ANY, lambda: fault.hits == 6 or None, 0.01, "it")

    def test_nor_while_instances_cannot_be_seen(self, simulator, poller, servers):
        poller.open()
        fault = simulator.faults.add("server.show", Fault(status=503, times=6))
        uuid = servers[0].uuid
        found = poller.wait_for(uuid, lambda: poller.get_instance(uuid, time.monotonic()), 0.01, "it")
        assert (found.uuid, fault.hits) == (servers[0].uuid, 6)

    def test_when_nova_answers_again_the_limit_holds(self, simulator, poller):
        poller.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=3))
        with pytest.raises(exceptions.WaitTimeout):
            poller.wait_for(ANY, lambda: None, 0.01, "it")
        assert fault.hits == 3

    def test_the_picture_stays_as_it_was(self, simulator, poller, impatient, servers):
        record = accept_evacuation(simulator, servers[0])
        poller.open()
        simulator.faults.add("migration.list", Fault(status=503))
        poll(impatient)
        assert poller.get_evacuation(servers[0].uuid).id == record.id

    def test_it_is_told_once(self, simulator, poller, caplog):
        poller.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=5))
        poller.wait_for(ANY, lambda: fault.hits == 5 or None, 0, "it")
        assert len([record for record in caplog.records if "trying again" in record.message]) == 1

    def test_it_is_told_once_of_instances_too(self, simulator, poller, servers, caplog):
        poller.open()
        simulator.faults.add("server.show", Fault(status=503, times=5))
        uuid = servers[0].uuid
        poller.wait_for(uuid, lambda: poller.get_instance(uuid, time.monotonic()), 0, "it")
        assert len([record for record in caplog.records if "trying again" in record.message]) == 1


class TestInstances:
    def test_a_recent_one_costs_nothing(self, simulator, impatient, servers):
        poller = HostPoller(impatient, HOST, 60)
        poller.open()
        for server in servers:
            assert poller.get_instance(server.uuid).vm_state == "active"
        assert simulator.requests.count("server.show") == 0

    def test_a_stale_one_is_asked_for(self, simulator, impatient, servers):
        poller = HostPoller(impatient, HOST, 0)
        poller.open()
        change(simulator, servers[0], locked_by="owner")
        assert poller.get_instance(servers[0].uuid).locked
        assert simulator.requests.count("server.show") == 1

    def test_one_of_an_older_picture_is_asked_for(self, simulator, poller, servers):
        poller.open()
        time.sleep(2 * INTERVAL)
        change(simulator, servers[0], locked_by="owner")
        assert poller.get_instance(servers[0].uuid).locked

    def test_one_that_came_later(self, simulator, poller):
        poller.open()
        late = simulator.cloud.add_server(HOST)
        assert poller.get_instance(late.uuid).uuid == late.uuid

    def test_one_that_was_asked_for_is_recent(self, simulator, impatient, servers):
        poller = HostPoller(impatient, HOST, 60)
        poller.open()
        asked_at = time.monotonic()
        for _ in range(3):
            assert poller.get_instance(servers[0].uuid, since=asked_at).uuid == servers[0].uuid
        assert simulator.requests.count("server.show") == 1

    def test_one_of_before_something_was_seen_is_asked_for_again(self, simulator, impatient, servers):
        poller = HostPoller(impatient, HOST, 60)
        poller.open()
        change(simulator, servers[0], host="compute-2", vm_state="stopped")
        assert poller.get_instance(servers[0].uuid).vm_state == "active"
        found = poller.get_instance(servers[0].uuid, since=time.monotonic())
        assert (found.host, found.vm_state) == ("compute-2", "stopped")

    def test_a_deleted_one(self, simulator, poller, impatient, servers):
        poller.open()
        for server in servers:
            destroy(simulator, server)
        assert poller.fetch_instance(servers[0].uuid) is None
        poll(impatient)
        assert poller.get_instance(servers[1].uuid, since=time.monotonic()) is None
        assert poller.get_instance("no-such-instance") is None

    def test_one_that_is_about_to_be_gone(self, simulator, poller, servers):
        poller.open()
        change(simulator, servers[0], vm_state="deleted")
        assert poller.fetch_instance(servers[0].uuid) is None

    def test_looking_again(self, simulator, poller, servers):
        poller.open()
        change(simulator, servers[0], vm_state="stopped")
        assert poller.fetch_instance(servers[0].uuid).vm_state == "stopped"
        assert poller.get_instance(servers[0].uuid).vm_state == "stopped"


class TestFreshRecords:
    """A record that was never updated has no updated_at, and changes-since leaves it out."""

    def test_they_are_missing_in_a_picture_and_found_by_name(self, simulator, poller, impatient, servers):
        poller.open()
        record = accept_evacuation(simulator, servers[0])
        poll(impatient)
        assert poller.get_evacuation(servers[0].uuid) is None
        poller.fetch_evacuations(servers[0].uuid)
        assert poller.get_evacuation(servers[0].uuid).id == record.id

    def test_only_evacuations_from_the_host_count(self, simulator, poller, servers):
        poller.open()
        simulator.cloud.add_migration(servers[0], migration_type="live-migration", source=HOST)
        simulator.cloud.add_migration(servers[0], migration_type="evacuation", source="compute-2")
        poller.fetch_evacuations(servers[0].uuid)
        assert poller.get_evacuation(servers[0].uuid) is None

    def test_an_older_record_does_not_replace_a_newer_one(self, simulator, poller, impatient, servers):
        older = accept_evacuation(simulator, servers[0])
        newer = accept_evacuation(simulator, servers[0])
        poller.open()
        with simulator.cloud.up_to_date():
            simulator.cloud.set_migration(older, status="failed")
        poll(impatient)
        assert poller.get_evacuation(servers[0].uuid).id == newer.id

    def test_a_record_that_changes_is_seen_to(self, simulator, poller, impatient, servers):
        record = accept_evacuation(simulator, servers[0])
        poller.open()
        with simulator.cloud.up_to_date():
            simulator.cloud.set_migration(record, status="pre-migrating", dest_compute="compute-2")
        poll(impatient)
        found = poller.get_evacuation(servers[0].uuid)
        assert (found.status, found.dest_host) == ("pre-migrating", "compute-2")
