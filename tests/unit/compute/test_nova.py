"""Nova's calls against a simulated cloud."""

import datetime

import pytest

from masakari_lite import exceptions
from masakari_lite.models import ComputeService, Instance
from masakari_lite.simulator import Fault
from tests.functional.harness import HOST

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
        assert nova.negotiate() == used
        assert nova.has_locked_reason == (used not in ("2.53", "2.60", "2.72"))

    @pytest.mark.parametrize("newest", ["2.52", "2.1"])
    def test_a_cloud_that_is_too_old(self, simulator, nova, newest):
        set_newest(simulator, newest)
        with pytest.raises(exceptions.ConfigurationError, match=rf"{newest} at most.*2\.53 \(Pike\)"):
            nova.negotiate()

    def test_it_is_asked_once(self, simulator, nova, server):
        nova.negotiate()
        asked = simulator.requests.count("version.show")
        nova.negotiate()
        nova.get_instance(server.uuid)
        nova.list_instances(HOST)
        assert simulator.requests.count("version.show") == asked

    @pytest.mark.parametrize("newest", CLOUDS)
    def test_every_call_works(self, simulator, clock, nova, server, newest):
        set_newest(simulator, newest)
        service = nova.get_compute_service(HOST)
        simulator.cloud.fail_host(HOST)
        nova.force_down(service)
        nova.disable(service, "it failed")
        nova.lock(server.uuid, "ours")
        nova.reset_state(server.uuid, "error")
        nova.evacuate(server.uuid)
        clock.advance(11)
        [record] = nova.list_evacuations(HOST)
        assert (record.status, record.instance_uuid, record.source_host) == ("done", server.uuid, HOST)
        assert nova.list_evacuations(HOST, since=LONG_AGO) == [record]
        assert nova.list_migrations_of(server.uuid) == [record]
        nova.stop(server.uuid)
        clock.advance(2)
        nova.start(server.uuid)
        clock.advance(2)
        nova.unlock(server.uuid)
        [instance] = nova.list_instances(record.dest_host)
        assert nova.get_instance(server.uuid) == instance
        assert instance in nova.list_changed_instances(LONG_AGO)
        assert (instance.vm_state, instance.task_state, instance.locked) == ("active", None, False)

    @pytest.mark.parametrize("newest", ["2.94", "2.95", "2.96", "2.104"])
    @pytest.mark.parametrize("vm_state", ["active", "stopped"])
    def test_an_evacuated_instance_is_as_it_was(self, simulator, clock, nova, newest, vm_state):
        # from 2.95 on Nova would leave an active one stopped
        set_newest(simulator, newest)
        server = simulator.cloud.add_server(HOST, vm_state=vm_state)
        simulator.cloud.fail_host(HOST)
        simulator.cloud.force_down(HOST)
        nova.evacuate(server.uuid)
        clock.advance(11)
        found = nova.get_instance(server.uuid)
        assert found.host != HOST
        assert found.vm_state == vm_state


class TestLock:
    def test_the_reason_is_kept_from_2_73_on(self, simulator, nova, server):
        set_newest(simulator, "2.73")
        nova.lock(server.uuid, "ours")
        assert nova.get_instance(server.uuid).locked_reason == server.locked_reason == "ours"

    def test_no_reason_before(self, simulator, nova, server):
        set_newest(simulator, "2.72")
        nova.lock(server.uuid, "ours")
        found = nova.get_instance(server.uuid)
        assert (found.locked, found.locked_reason, server.locked_reason) == (True, None, None)

    def test_a_reason_that_is_too_long_for_nova_is_cut(self, nova, server):
        nova.lock(server.uuid, "ü" * 300)
        assert server.locked_reason == "ü" * 255

    def test_our_lock_is_an_administrators(self, nova, server):
        nova.lock(server.uuid, "ours")
        assert server.locked_by == "admin"
        nova.unlock(server.uuid)
        assert server.locked_by is None

    def test_locking_and_unlocking_twice(self, nova, server):
        nova.lock(server.uuid, "ours")
        nova.lock(server.uuid, "ours")
        nova.unlock(server.uuid)
        nova.unlock(server.uuid)
        assert not server.locked


class TestComputeService:
    def test_as_it_is(self, simulator, nova):
        found = nova.get_compute_service(HOST)
        uuid = simulator.cloud.hosts[HOST].uuid
        assert found == ComputeService(uuid, HOST, True, True, updated_at=found.updated_at)
        assert found.updated_at

    def test_down_and_disabled(self, simulator, nova):
        simulator.cloud.fail_host(HOST)
        service = nova.get_compute_service(HOST)
        assert service.is_up
        nova.force_down(service)
        nova.disable(service, "it failed")
        found = nova.get_compute_service(HOST)
        assert (found.is_up, found.is_enabled) == (False, False)
        host = simulator.cloud.hosts[HOST]
        assert (host.forced_down, host.disabled_reason) == (True, "it failed")

    def test_unknown(self, nova):
        with pytest.raises(exceptions.ComputeServiceNotFound, match=r"'compute-9'.*compute service list"):
            nova.get_compute_service("compute-9")

    def test_one_that_is_gone_is_no_missing_instance(self, simulator, nova):
        service = nova.get_compute_service(HOST)
        simulator.cloud.hosts[HOST].uuid = simulator.cloud.new_uuid()
        with pytest.raises(exceptions.NovaError) as told:
            nova.force_down(service)
        assert not isinstance(told.value, exceptions.InstanceNotFound)


class TestLists:
    @pytest.mark.parametrize(("count", "pages"), [(0, 1), (1, 1), (2, 2), (4, 3), (5, 3)])
    def test_all_pages_of_instances(self, simulator, nova, count, pages):
        simulator.options.max_limit = 2
        servers = [simulator.cloud.add_server(HOST) for _ in range(count)]
        simulator.cloud.add_server("compute-2")
        found = nova.list_instances(HOST)
        assert sorted(instance.uuid for instance in found) == sorted(server.uuid for server in servers)
        # Nova links to a next page whenever this one is full
        assert simulator.requests.count("server.list") == pages

    def test_all_pages_of_migrations(self, simulator, nova, server):
        simulator.options.max_limit = 2
        planted = [
            simulator.cloud.plant_migration(
                server, migration_type="evacuation", status="error", source=HOST, age=number
            )
            for number in range(5)
        ]
        ids = sorted(record.id for record in planted)
        assert sorted(record.id for record in nova.list_evacuations(HOST)) == ids
        assert sorted(record.id for record in nova.list_migrations_of(server.uuid)) == ids
        assert simulator.requests.count("migration.list") == 6

    def test_a_page_that_fails_is_asked_again_alone(self, simulator, nova, pauses):
        simulator.options.max_limit = 2
        for _ in range(5):
            simulator.cloud.add_server(HOST)
        simulator.faults.add("server.list", Fault(status=503, after_request=1, times=1))
        assert len(nova.list_instances(HOST)) == 5
        assert simulator.requests.count("server.list") == 4

    def test_only_evacuations_from_the_host(self, simulator, nova, server):
        plant = simulator.cloud.plant_migration
        wanted = plant(server, migration_type="evacuation", source=HOST, status="done", dest="compute-2")
        plant(server, migration_type="live-migration", source=HOST)
        plant(server, migration_type="evacuation", source="compute-2")
        assert [record.id for record in nova.list_evacuations(HOST)] == [wanted.id]
        assert len(nova.list_migrations_of(server.uuid)) == 3

    def test_since(self, simulator, nova, server):
        simulator.cloud.plant_migration(server, migration_type="evacuation", source=HOST, age=3600)
        recent = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=5)
        assert nova.list_evacuations(HOST, since=recent) == []
        assert len(nova.list_evacuations(HOST)) == 1

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
        assert nova.get_instance(server.uuid) == wanted
        assert nova.list_instances(HOST) == [wanted]

    def test_a_deleted_instance_shows_only_among_changes(self, simulator, nova, server):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(server)
        assert nova.list_instances(HOST) == []
        [found] = nova.list_changed_instances(LONG_AGO)
        assert found.is_deleted
        with pytest.raises(exceptions.InstanceNotFound, match=server.uuid):
            nova.get_instance(server.uuid)


class TestEvacuate:
    def test_while_the_host_is_up(self, simulator, nova, server):
        with pytest.raises(exceptions.HostStillUp, match=rf"{server.uuid}.*still in use.*req-"):
            nova.evacuate(server.uuid)
        assert simulator.requests.count("server.evacuate") == 1

    def test_in_a_wrong_state(self, simulator, nova, down):
        with simulator.cloud.up_to_date():
            simulator.cloud.update(down, vm_state="paused")
        with pytest.raises(exceptions.NovaConflict, match="vm_state paused"):
            nova.evacuate(down.uuid)

    def test_another_400_is_no_host_that_is_up(self, simulator, nova, down):
        simulator.faults.add("server.evacuate", Fault(status=400, message="No."))
        with pytest.raises(exceptions.NovaBadRequest, match=r"No\."):
            nova.evacuate(down.uuid)

    def test_a_deleted_instance(self, simulator, nova, down):
        with simulator.cloud.up_to_date():
            simulator.cloud.destroy(down)
        for call in (nova.evacuate, nova.unlock, nova.stop, nova.start):
            with pytest.raises(exceptions.InstanceNotFound, match=down.uuid):
                call(down.uuid)
