"""Nova's calls against a simulated cloud."""

import datetime

import pytest

from masakari_lite import exceptions
from masakari_lite.models import ComputeService, Instance
from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST

CLOUDS = {
    "2.53": "2.53",
    "2.60": "2.60",
    "2.72": "2.72",
    "2.73": "2.73",
    "2.94": "2.94",
    "2.96": "2.94",
    "2.104": "2.94",
}
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


def set_newest(simulator, microversion):
    simulator.options.max_microversion = microversion


class TestMicroversions:
    @pytest.mark.parametrize(("newest", "used"), CLOUDS.items())
    def test_the_best_that_both_have(self, simulator, nova, newest, used):
        set_newest(simulator, newest)
        assert nova.client.negotiate() == used
        assert nova.servers.has_locked_reason == (used not in ("2.53", "2.60", "2.72"))

    @pytest.mark.parametrize("newest", ["2.52", "2.1"])
    def test_a_cloud_that_is_too_old(self, simulator, nova, newest):
        set_newest(simulator, newest)
        with pytest.raises(exceptions.ConfigurationError, match=rf"{newest} at most.*2\.53 \(Pike\)"):
            nova.client.negotiate()

    def test_it_is_asked_once(self, simulator, nova, server):
        nova.client.negotiate()
        asked = simulator.requests.count("version.show")
        nova.client.negotiate()
        nova.servers.get(server.uuid)
        nova.host_servers.list_all(HOST)
        assert simulator.requests.count("version.show") == asked

    @pytest.mark.parametrize("newest", CLOUDS)
    def test_every_call_works(self, simulator, clock, nova, server, newest):
        set_newest(simulator, newest)
        service = nova.services.get(HOST)
        simulator.cloud.fail_host(HOST)
        nova.services.force_down(service)
        nova.services.disable(service, "it failed")
        nova.servers.lock(server.uuid, "ours")
        nova.servers.reset_state(server.uuid, "error")
        nova.servers.evacuate(server.uuid)
        clock.advance(11)
        [record] = nova.migrations.list_evacuations(HOST)
        assert (record.status, record.instance_uuid, record.source_host) == ("done", server.uuid, HOST)
        assert nova.migrations.list_evacuations(HOST, since=LONG_AGO) == [record]
        assert nova.migrations.list_of(server.uuid) == [record]
        nova.servers.stop(server.uuid)
        clock.advance(2)
        nova.servers.start(server.uuid)
        clock.advance(2)
        nova.servers.unlock(server.uuid)
        [instance] = nova.host_servers.list_all(record.dest_host)
        assert nova.servers.get(server.uuid) == instance
        assert (instance.vm_state, instance.task_state, instance.locked) == ("active", None, False)

    @pytest.mark.parametrize("newest", ["2.94", "2.95", "2.96", "2.104"])
    @pytest.mark.parametrize("vm_state", ["active", "stopped"])
    def test_an_evacuated_instance_is_as_it_was(self, simulator, clock, nova, newest, vm_state):
        # from 2.95 on Nova would leave an active one stopped
        set_newest(simulator, newest)
        server = simulator.cloud.add_server(HOST, vm_state=vm_state)
        simulator.cloud.fail_host(HOST)
        simulator.cloud.force_down(HOST)
        nova.servers.evacuate(server.uuid)
        clock.advance(11)
        found = nova.servers.get(server.uuid)
        assert found.host != HOST
        assert found.vm_state == vm_state


class TestLock:
    def test_the_reason_is_kept_from_2_73_on(self, simulator, nova, server):
        set_newest(simulator, "2.73")
        nova.servers.lock(server.uuid, "ours")
        assert nova.servers.get(server.uuid).locked_reason == server.locked_reason == "ours"

    def test_no_reason_before(self, simulator, nova, server):
        set_newest(simulator, "2.72")
        nova.servers.lock(server.uuid, "ours")
        found = nova.servers.get(server.uuid)
        assert (found.locked, found.locked_reason, server.locked_reason) == (True, None, None)

    def test_a_reason_that_is_too_long_for_nova_is_cut(self, nova, server):
        nova.servers.lock(server.uuid, "ü" * 300)
        assert server.locked_reason == "ü" * 255

    def test_our_lock_is_an_administrators(self, nova, server):
        nova.servers.lock(server.uuid, "ours")
        assert server.locked_by == "admin"
        nova.servers.unlock(server.uuid)
        assert server.locked_by is None

    def test_locking_and_unlocking_twice(self, nova, server):
        nova.servers.lock(server.uuid, "ours")
        nova.servers.lock(server.uuid, "ours")
        nova.servers.unlock(server.uuid)
        nova.servers.unlock(server.uuid)
        assert not server.locked


class TestComputeService:
    def test_as_it_is(self, simulator, nova):
        found = nova.services.get(HOST)
        uuid = simulator.cloud.hosts[HOST].uuid
        assert found == ComputeService(uuid, HOST, True, True, updated_at=found.updated_at)
        assert found.updated_at

    def test_down_and_disabled(self, simulator, nova):
        simulator.cloud.fail_host(HOST)
        service = nova.services.get(HOST)
        assert service.is_up
        nova.services.force_down(service)
        nova.services.disable(service, "it failed")
        found = nova.services.get(HOST)
        assert (found.is_up, found.is_enabled) == (False, False)
        host = simulator.cloud.hosts[HOST]
        assert (host.forced_down, host.disabled_reason) == (True, "it failed")

    def test_unknown(self, nova):
        with pytest.raises(exceptions.ComputeServiceNotFound, match=r"'storage'.*compute service list"):
            nova.services.get("storage")

    def test_one_that_is_gone_is_no_missing_instance(self, simulator, nova):
        service = nova.services.get(HOST)
        del simulator.cloud.hosts[HOST]
        with pytest.raises(exceptions.NovaError) as told:
            nova.services.force_down(service)
        assert not isinstance(told.value, exceptions.InstanceNotFound)


class TestLists:
    @pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (2, 2), (4, 3), (5, 3)])
    def test_all_pages_of_instances(self, simulator, nova, count, pages):
        simulator.options.max_limit = 2
        servers = [simulator.cloud.add_server(HOST) for _ in range(count)]
        simulator.cloud.add_server("compute-2")
        found = nova.host_servers.list_all(HOST)
        assert sorted(instance.uuid for instance in found) == sorted(server.uuid for server in servers)
        # Nova links to a next page whenever this one is full
        assert simulator.requests.count("server.list") == pages

    def test_all_pages_of_migrations(self, simulator, nova, server):
        simulator.options.max_limit = 2
        planted = [
            simulator.cloud.add_migration(
                server, migration_type="evacuation", status="error", source=HOST, age=number
            )
            for number in range(5)
        ]
        ids = sorted(record.id for record in planted)
        assert sorted(record.id for record in nova.migrations.list_evacuations(HOST)) == ids
        assert sorted(record.id for record in nova.migrations.list_of(server.uuid)) == ids
        assert simulator.requests.count("migration.list") == 6

    def test_a_page_that_fails_is_asked_again_alone(self, simulator, nova, pauses):
        simulator.options.max_limit = 2
        for _ in range(5):
            simulator.cloud.add_server(HOST)
        simulator.faults.add("server.list", Fault(status=503, after_request=1, times=1))
        assert len(nova.host_servers.list_all(HOST)) == 5
        assert simulator.requests.count("server.list") == 4

    def test_only_evacuations_from_the_host(self, simulator, nova, server):
        plant = simulator.cloud.add_migration
        wanted = plant(server, migration_type="evacuation", source=HOST, status="done", dest="compute-2")
        plant(server, migration_type="live-migration", source=HOST)
        plant(server, migration_type="evacuation", source="compute-2")
        assert [record.id for record in nova.migrations.list_evacuations(HOST)] == [wanted.id]
        assert len(nova.migrations.list_of(server.uuid)) == 3

    def test_since(self, simulator, nova, server):
        simulator.cloud.add_migration(server, migration_type="evacuation", source=HOST, age=3600)
        recent = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
        assert nova.migrations.list_evacuations(HOST, since=recent) == []
        assert len(nova.migrations.list_evacuations(HOST)) == 1

    def test_an_instance_as_it_is(self, simulator, nova):
        server = simulator.cloud.add_server(
            HOST,
            name="größe-😀",
            vm_state="error",
            task_state="migrating",
            power_state=4,
            locked_by="owner",
            locked_reason="hands off",
            metadata={"HA_Enabled": "True"},
            fault="It broke.",
        )
        wanted = Instance(
            uuid=server.uuid,
            name="größe-😀",
            host=HOST,
            vm_state="error",
            task_state="migrating",
            power_state=4,
            locked=True,
            locked_reason="hands off",
            metadata={"HA_Enabled": "True"},
            fault="It broke.",
        )
        assert nova.servers.get(server.uuid) == wanted
        assert nova.host_servers.list_all(HOST) == [wanted]

    @pytest.mark.parametrize("deletions", [1, 3])
    def test_a_list_begins_again_when_its_marker_is_deleted(self, simulator, nova, monkeypatch, deletions):
        simulator.options.max_limit = 2
        servers = [simulator.cloud.add_server(HOST) for _ in range(9)]
        lost = delete_markers(simulator, nova, monkeypatch, deletions)
        found = [instance.uuid for instance in nova.host_servers.list_all(HOST)]
        assert len(lost) == deletions
        assert sorted(found) == sorted({server.uuid for server in servers} - set(lost))

    def test_migration_records_likewise(self, simulator, nova, monkeypatch):
        simulator.options.max_limit = 2
        servers = [simulator.cloud.add_server(HOST) for _ in range(5)]
        for server in servers:
            simulator.cloud.add_migration(
                server, migration_type="evacuation", status="done", dest="compute-2"
            )
        lost = delete_markers(simulator, nova, monkeypatch, 1)
        found = [record.instance_uuid for record in nova.migrations.list_evacuations(HOST)]
        assert sorted(found) == sorted({server.uuid for server in servers} - set(lost))

    def test_a_list_that_never_ends_is_given_up(self, simulator, nova, monkeypatch):
        simulator.options.max_limit = 2
        for _ in range(30):
            simulator.cloud.add_server(HOST)
        delete_markers(simulator, nova, monkeypatch, 100)
        with pytest.raises(exceptions.NovaUnavailable, match=rf"list the instances on {HOST}.*5 times"):
            nova.host_servers.list_all(HOST)

    def test_a_deleted_instance_is_not_found(self, simulator, nova, server):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(server)
        assert nova.host_servers.list_all(HOST) == []
        with pytest.raises(exceptions.InstanceNotFound, match=server.uuid):
            nova.servers.get(server.uuid)


class TestDownCells:
    @pytest.mark.parametrize("has_request_spec", [False, True])
    @pytest.mark.parametrize("newest", ["2.68", "2.69", "2.94"])
    def test_no_instance_is_deleted(self, simulator, impatient, server, newest, has_request_spec):
        set_newest(simulator, newest)
        server.has_request_spec = has_request_spec
        simulator.cloud.fail_cell()
        with pytest.raises(exceptions.NovaError, match=server.uuid) as told:
            impatient.servers.get(server.uuid)
        assert isinstance(told.value, exceptions.Retriable)

    def test_a_deleted_one_is_asked_for_twice(self, simulator, nova, server):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(server)
        with pytest.raises(exceptions.InstanceNotFound):
            nova.servers.get(server.uuid)
        assert simulator.requests.count("server.show") == 2

    def test_no_instance_is_without_migrations(self, simulator, impatient, server):
        add = simulator.cloud.add_migration
        record = add(server, migration_type="evacuation", status="accepted")
        simulator.cloud.fail_cell()
        with pytest.raises(exceptions.CellUnavailable, match=server.uuid):
            impatient.migrations.list_evacuations_of(server.uuid, HOST)
        simulator.cloud.restore_cell()
        assert [found.id for found in impatient.migrations.list_evacuations_of(server.uuid, HOST)] == [
            record.id
        ]

    def test_one_that_comes_before_does_not_keep_a_service_from_being_changed(self, simulator, nova):
        simulator.cloud.add_host("compute-5", cell="cell2")
        service = nova.services.get("compute-5")
        simulator.cloud.fail_cell("cell1")
        nova.services.force_down(service)
        nova.services.disable(service, "it failed")
        host = simulator.cloud.hosts["compute-5"]
        assert (host.forced_down, host.disabled, host.disabled_reason) == (True, True, "it failed")
        nova.services.enable(service)
        assert not host.disabled

    def test_what_the_hypervisor_has_completes_a_list(self, simulator, nova):
        servers = [simulator.cloud.add_server(HOST) for _ in range(3)]
        simulator.cloud.add_server(HOST, vm_state="soft-delete")
        simulator.cloud.add_host("compute-10")
        simulator.cloud.add_server("compute-10")
        simulator.faults.add("server.list", Fault(truncates_after=1))
        found = nova.host_servers.list_all(HOST)
        assert sorted(one.uuid for one in found) == sorted(server.uuid for server in servers)
        assert simulator.requests.count("hypervisor.list") == simulator.requests.count("hypervisor.show") == 1

    @pytest.mark.parametrize("empties", [1, 2])
    def test_two_lists_that_differ_are_not_believed(self, simulator, nova, server, empties):
        simulator.faults.add("server.list", Fault(truncates_after=0, times=empties))
        simulator.faults.add("hypervisor.*", Fault(status=500))
        with pytest.raises(exceptions.CellUnavailable, match=f"lists 0, then {2 - empties} instances"):
            nova.host_servers.list_all(HOST)

    def test_two_lists_that_are_the_same_are(self, simulator, nova, server):
        simulator.faults.add("hypervisor.*", Fault(status=500))
        doubts: list[str] = []
        assert len(nova.host_servers.list_all(HOST, doubts.append)) == 1
        assert len(doubts) == 1

    def test_an_odd_answer_about_hypervisors_is_a_doubt(self, nova, server, monkeypatch):
        nova.client.negotiate()
        get = nova.client.api.client.get
        monkeypatch.setattr(
            nova.client.api.client, "get", lambda path: (None, {}) if "hypervisors" in path else get(path)
        )
        doubts: list[str] = []
        assert len(nova.host_servers.list_all(HOST, doubts.append)) == 1
        assert "it lacks 'hypervisors'" in doubts[0]


def delete_markers(simulator, nova, monkeypatch, times):
    """Delete the instance with which a page ends before the next one is asked for; returns which were."""
    nova.client.negotiate()
    lost = []
    get = nova.client.api.client.get

    def get_and_delete(path):
        answer = get(path)
        records = answer[1].get("servers") or answer[1].get("migrations") or []
        if len(records) == 2 and len(lost) < times:
            lost.append(records[-1].get("instance_uuid") or records[-1]["id"])
            with simulator.cloud.up_to_date():
                simulator.cloud.destroy(simulator.cloud.servers[lost[-1]])
        return answer

    monkeypatch.setattr(nova.client.api.client, "get", get_and_delete)
    return lost


class TestEvacuate:
    def test_while_the_host_is_up(self, simulator, nova, server):
        with pytest.raises(exceptions.HostStillUp, match=rf"{server.uuid}.*still in use.*req-"):
            nova.servers.evacuate(server.uuid)
        assert simulator.requests.count("server.evacuate") == 1

    def test_in_a_wrong_state(self, simulator, nova, down):
        with simulator.cloud.up_to_date():
            simulator.cloud.update(down, vm_state="paused")
        with pytest.raises(exceptions.NovaConflict, match="vm_state paused"):
            nova.servers.evacuate(down.uuid)

    def test_another_400_is_no_host_that_is_up(self, simulator, nova, down):
        simulator.faults.add("server.evacuate", Fault(status=400, message="No."))
        with pytest.raises(exceptions.NovaBadRequest, match=r"No\."):
            nova.servers.evacuate(down.uuid)

    def test_a_deleted_instance(self, simulator, nova, down):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(down)
        for call in (nova.servers.evacuate, nova.servers.unlock, nova.servers.stop, nova.servers.start):
            with pytest.raises(exceptions.InstanceNotFound, match=down.uuid):
                call(down.uuid)
