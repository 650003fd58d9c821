"""One picture of a host for all that wait."""

import time

import pytest

from masakari_lite import concurrency, exceptions
from masakari_lite.compute.watcher import HostWatcher
from masakari_lite.simulator import Fault
from tests.functional.harness import HOST

INTERVAL = 0.05


@pytest.fixture
def impatient(connect):
    """A NovaAPI that tries everything once and has its token already."""
    nova = connect(nova__retry_period=0)
    nova.negotiate()
    nova.get_compute_service(HOST)
    return nova


@pytest.fixture
def watcher(impatient):
    return HostWatcher(impatient, HOST, INTERVAL)


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


def next_picture(watcher):
    watcher.wait_for(lambda: True, 1, "the next picture")


class TestOpen:
    def test_the_host_as_it_is(self, simulator, watcher, servers):
        simulator.cloud.add_server("compute-2")
        record = accept_evacuation(simulator, servers[0])
        found = watcher.open()
        assert sorted(instance.uuid for instance in found) == sorted(server.uuid for server in servers)
        assert watcher.get_evacuation(servers[0].uuid).id == record.id
        assert watcher.get_evacuation(servers[1].uuid) is None

    def test_old_records_are_told_from_new_ones(self, simulator, watcher, servers):
        old = accept_evacuation(simulator, servers[0])
        watcher.open()
        assert watcher.get_evacuation(servers[0].uuid, after=old.id) is None
        assert watcher.get_evacuation(servers[0].uuid, after=old.id - 1).id == old.id

    def test_the_newest_record_counts(self, simulator, watcher, servers):
        ids = [accept_evacuation(simulator, servers[0]).id for _ in range(3)]
        watcher.open()
        assert watcher.get_evacuation(servers[0].uuid).id == max(ids)

    def test_an_error_is_not_hidden(self, simulator, watcher):
        simulator.faults.add("server.list", Fault(status=503))
        with pytest.raises(exceptions.NovaUnanswered):
            watcher.open()


class TestWaiting:
    def wait_all(self, watcher, servers, check):
        outcomes = list(
            concurrency.run_all(
                lambda server: watcher.wait_for(lambda: check(server), 30, "it"), servers, len(servers)
            )
        )
        assert [outcome.error for outcome in outcomes if outcome.error] == []

    def test_one_question_an_interval_for_all(self, simulator, watcher):
        servers = [simulator.cloud.add_server(HOST) for _ in range(30)]
        watcher.open()
        asked = dict.fromkeys([server.uuid for server in servers], 0)

        def at_the_third_time(server):
            asked[server.uuid] += 1
            return asked[server.uuid] == 3 or None

        began = time.monotonic()
        self.wait_all(watcher, servers, at_the_third_time)
        pictures = simulator.requests.count("migration.list") - 1
        assert 3 <= pictures <= 5
        assert time.monotonic() - began >= (pictures - 1) * INTERVAL
        assert simulator.requests.count("server.list") == 1
        assert simulator.requests.count("server.show") == 0

    def test_one_more_for_all_that_look_at_instances(self, simulator, watcher):
        servers = [simulator.cloud.add_server(HOST) for _ in range(30)]
        watcher.open()
        for server in servers:
            change(simulator, server, vm_state="stopped")
        self.wait_all(watcher, servers, lambda server: watcher.see(server.uuid).vm_state == "stopped" or None)
        assert simulator.requests.count("server.list") - 1 <= simulator.requests.count("migration.list")
        assert simulator.requests.count("server.show") == 0

    def test_the_end_of_an_evacuation_is_seen(self, simulator, clock, watcher, impatient, down):
        watcher.open()
        impatient.evacuate(down.uuid)

        def is_done():
            clock.advance(2)
            record = watcher.get_evacuation(down.uuid)
            return record if record and record.is_done else None

        assert watcher.wait_for(is_done, 30, "its end").dest_host == down.host != HOST

    def test_a_limit(self, watcher):
        watcher.open()
        began = time.monotonic()
        with pytest.raises(exceptions.WaitTimeout, match=r"^the end: not within 0\.1 s$"):
            watcher.wait_for(lambda: None, 0.1, "the end")
        assert 0.1 <= time.monotonic() - began < 0.1 + 10 * INTERVAL

    def test_with_no_time_it_looks_once(self, simulator, watcher, servers):
        watcher.open()
        assert watcher.wait_for(lambda: 7, 0, "it") == 7
        with pytest.raises(exceptions.WaitTimeout):
            watcher.wait_for(lambda: None, 0, "it")

    def test_a_false_answer_is_an_answer(self, watcher):
        assert watcher.wait_for(lambda: 0, 5, "it") == 0

    def test_other_errors_end_the_waiting(self, watcher):
        def fail():
            raise exceptions.EvacuationFailed("so it ended")

        with pytest.raises(exceptions.EvacuationFailed):
            watcher.wait_for(fail, 5, "it")


class TestNoAnswer:
    def test_not_to_know_is_not_to_fail(self, simulator, watcher):
        watcher.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=6))
        # far beyond the limit, Nova answers again
        assert watcher.wait_for(lambda: fault.hits == 6 or None, 0.01, "it")

    def test_nor_while_instances_cannot_be_seen(self, simulator, watcher, servers):
        watcher.open()
        fault = simulator.faults.add("server.list", Fault(status=503, times=6))
        found = watcher.wait_for(lambda: watcher.see(servers[0].uuid), 0.01, "it")
        assert (found.uuid, fault.hits) == (servers[0].uuid, 6)

    def test_when_nova_answers_again_the_limit_holds(self, simulator, watcher):
        watcher.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=3))
        with pytest.raises(exceptions.WaitTimeout):
            watcher.wait_for(lambda: None, 0.01, "it")
        assert fault.hits == 3

    def test_the_picture_stays_as_it_was(self, simulator, watcher, servers):
        record = accept_evacuation(simulator, servers[0])
        watcher.open()
        simulator.faults.add("migration.list", Fault(status=503))
        next_picture(watcher)
        assert watcher.get_evacuation(servers[0].uuid).id == record.id

    def test_it_is_told_once(self, simulator, watcher, caplog):
        watcher.open()
        fault = simulator.faults.add("migration.list", Fault(status=503, times=5))
        watcher.wait_for(lambda: fault.hits == 5 or None, 0, "it")
        assert len([record for record in caplog.records if "asking again" in record.message]) == 1

    def test_it_is_told_once_of_instances_too(self, simulator, watcher, servers, caplog):
        watcher.open()
        simulator.faults.add("server.list", Fault(status=503, times=5))
        watcher.wait_for(lambda: watcher.see(servers[0].uuid), 0, "it")
        assert len([record for record in caplog.records if "asking again" in record.message]) == 1


class TestInstances:
    def test_a_recent_one_costs_nothing(self, simulator, impatient, servers):
        watcher = HostWatcher(impatient, HOST, 60)
        watcher.open()
        for server in servers:
            assert watcher.get_instance(server.uuid).vm_state == "active"
        assert simulator.requests.count("server.show") == 0

    def test_a_stale_one_is_asked_for(self, simulator, impatient, servers):
        watcher = HostWatcher(impatient, HOST, 0)
        watcher.open()
        change(simulator, servers[0], locked_by="owner")
        assert watcher.get_instance(servers[0].uuid).locked
        assert simulator.requests.count("server.show") == 1

    def test_one_of_an_older_picture_is_asked_for(self, simulator, watcher, servers):
        watcher.open()
        next_picture(watcher)
        change(simulator, servers[0], locked_by="owner")
        assert watcher.get_instance(servers[0].uuid).locked

    def test_one_that_came_later(self, simulator, watcher):
        watcher.open()
        late = simulator.cloud.add_server(HOST)
        assert watcher.get_instance(late.uuid).uuid == late.uuid

    def test_only_the_first_who_sees_asks(self, simulator, watcher, servers):
        watcher.open()
        next_picture(watcher)
        asked = simulator.requests.count("server.list")
        for server in servers:
            assert watcher.see(server.uuid).uuid == server.uuid
        assert simulator.requests.count("server.list") == asked + 1
        next_picture(watcher)
        watcher.see(servers[0].uuid)
        assert simulator.requests.count("server.list") == asked + 2

    def test_many_who_see_at_once_ask_once(self, simulator, watcher, servers):
        watcher.open()
        next_picture(watcher)
        asked = simulator.requests.count("server.list")
        list(concurrency.run_all(lambda server: watcher.see(server.uuid), servers * 5, 25))
        assert simulator.requests.count("server.list") == asked + 1

    def test_a_change_is_seen_with_the_next_picture(self, simulator, watcher, servers):
        watcher.open()
        change(simulator, servers[0], host="compute-2", vm_state="stopped")
        next_picture(watcher)
        found = watcher.see(servers[0].uuid)
        assert (found.host, found.vm_state) == ("compute-2", "stopped")

    def test_a_deleted_one(self, simulator, watcher, servers):
        watcher.open()
        for server in servers:
            destroy(simulator, server)
        assert watcher.look_again(servers[0].uuid) is None
        next_picture(watcher)
        assert watcher.see(servers[1].uuid) is None
        assert watcher.get_instance(servers[2].uuid) is None
        assert watcher.see("no-such-instance") is None

    def test_looking_again(self, simulator, watcher, servers):
        watcher.open()
        change(simulator, servers[0], vm_state="stopped")
        assert watcher.look_again(servers[0].uuid).vm_state == "stopped"
        assert watcher.see(servers[0].uuid).vm_state == "stopped"


class TestFreshRecords:
    """A record that was never updated has no updated_at, and changes-since leaves it out."""

    def test_they_are_missing_in_a_picture_and_found_by_name(self, simulator, watcher, servers):
        watcher.open()
        record = accept_evacuation(simulator, servers[0])
        next_picture(watcher)
        assert watcher.get_evacuation(servers[0].uuid) is None
        watcher.look_for_evacuations(servers[0].uuid)
        assert watcher.get_evacuation(servers[0].uuid).id == record.id

    def test_only_evacuations_from_the_host_count(self, simulator, watcher, servers):
        watcher.open()
        simulator.cloud.plant_migration(servers[0], migration_type="live-migration", source=HOST)
        simulator.cloud.plant_migration(servers[0], migration_type="evacuation", source="compute-2")
        watcher.look_for_evacuations(servers[0].uuid)
        assert watcher.get_evacuation(servers[0].uuid) is None

    def test_an_older_record_does_not_replace_a_newer_one(self, simulator, watcher, servers):
        older = accept_evacuation(simulator, servers[0])
        newer = accept_evacuation(simulator, servers[0])
        watcher.open()
        with simulator.cloud.up_to_date():
            simulator.cloud.set_migration(older, status="failed")
        next_picture(watcher)
        assert watcher.get_evacuation(servers[0].uuid).id == newer.id

    def test_a_record_that_changes_is_seen_to(self, simulator, watcher, servers):
        record = accept_evacuation(simulator, servers[0])
        watcher.open()
        with simulator.cloud.up_to_date():
            simulator.cloud.set_migration(record, status="pre-migrating", dest_compute="compute-2")
        next_picture(watcher)
        found = watcher.get_evacuation(servers[0].uuid)
        assert (found.status, found.dest_host) == ("pre-migrating", "compute-2")
