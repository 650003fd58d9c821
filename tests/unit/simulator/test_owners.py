"""Actions of owners and operators, and which of them a lock refuses."""

import pytest
from novaclient import exceptions

DEAD = "compute-1"


@pytest.fixture
def server(simulator):
    return simulator.cloud.add_server(DEAD)


def vm_and_task_state(server):
    return server.vm_state, server.task_state


@pytest.mark.parametrize(
    "call",
    [
        lambda servers, uuid: servers.stop(uuid),
        lambda servers, uuid: servers.start(uuid),
        lambda servers, uuid: servers.reboot(uuid),
        lambda servers, uuid: servers.rebuild(uuid, "b8146d63-1bba-4dce-ab69-e64975b6b038"),
        lambda servers, uuid: servers.delete(uuid),
        lambda servers, uuid: servers.set_meta(uuid, {"a": "b"}),
        lambda servers, uuid: servers.pause(uuid),
    ],
    ids=["stop", "start", "reboot", "rebuild", "delete", "metadata", "pause"],
)
def test_a_locked_instance_refuses_its_owner(admin, alice, server, call):
    admin.servers.lock(server.uuid)
    with pytest.raises(exceptions.Conflict, match=f"Instance {server.uuid} is locked"):
        call(alice.servers, server.uuid)


def test_backup_and_rename_pass_a_lock(admin, alice, server):
    admin.servers.lock(server.uuid)
    alice.servers.backup(server.uuid, "name", "daily", 1)
    alice.servers.update(server.uuid, name="renamed")
    assert (server.name, server.task_state) == ("renamed", "image_backup")


def test_the_owner_cannot_undo_an_admins_lock(admin, alice, server):
    admin.servers.lock(server.uuid, "masakari-lite: because")
    with pytest.raises(exceptions.Forbidden, match="unlock_override"):
        alice.servers.unlock(server.uuid)
    alice.servers.lock(server.uuid, "mine")
    assert (server.locked_by, server.locked_reason) == ("admin", "masakari-lite: because")
    admin.servers.unlock(server.uuid)
    assert (server.locked_by, server.locked_reason) == (None, None)


def test_an_admin_replaces_an_owners_lock(admin, alice, server):
    alice.servers.lock(server.uuid, "mine")
    assert (server.locked_by, server.locked_reason) == ("owner", "mine")
    admin.servers.lock(server.uuid, "ours")
    assert (server.locked_by, server.locked_reason) == ("admin", "ours")


def test_a_lock_stays_after_an_evacuation(clock, admin, server, down):
    admin.servers.lock(server.uuid, "ours")
    down(DEAD)
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    shown = admin.servers.get(server.uuid)
    assert (shown.locked, shown.locked_reason) == (True, "ours")


def test_stop_and_start_on_a_live_host(clock, alice, server):
    alice.servers.stop(server.uuid)
    assert alice.servers.get(server.uuid).status == "ACTIVE"
    assert vm_and_task_state(server) == ("active", "powering-off")
    clock.advance(1)
    assert alice.servers.get(server.uuid).status == "SHUTOFF"
    alice.servers.start(server.uuid)
    clock.advance(1)
    assert alice.servers.get(server.uuid).status == "ACTIVE"


def test_stop_takes_active_and_error_start_only_stopped(simulator, admin):
    error = simulator.cloud.add_server(DEAD, vm_state="error")
    stopped = simulator.cloud.add_server(DEAD, vm_state="stopped")
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'start' instance .* in vm_state error"):
        admin.servers.start(error.uuid)
    admin.servers.stop(error.uuid)
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'stop' instance .* in task_state powering-off"):
        admin.servers.stop(error.uuid)
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'stop' instance .* in vm_state stopped"):
        admin.servers.stop(stopped.uuid)


def test_a_dead_host_stops_an_instance_only_after_its_restart(simulator, clock, alice, server):
    simulator.cloud.fail_host(DEAD)
    alice.servers.stop(server.uuid)
    clock.advance(1000)
    alice.servers.get(server.uuid)
    assert vm_and_task_state(server) == ("active", "powering-off")
    simulator.cloud.start_host(DEAD)
    assert vm_and_task_state(server) == ("stopped", None)


def test_evacuate_is_accepted_with_a_task_state_that_stays(simulator, clock, admin, alice, server, down):
    simulator.cloud.fail_host(DEAD)
    alice.servers.stop(server.uuid)
    down(DEAD)
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    admin.servers.get(server.uuid)
    assert vm_and_task_state(server) == ("active", None)


def test_an_owners_stop_between_rebuild_and_change_of_host_is_never_completed(
    simulator, clock, admin, alice, server, down
):
    # Launchpad bug 1693728: task_state is None, the host is still the dead one, and the stop passes
    down(DEAD)
    admin.servers.evacuate(server.uuid)
    clock.advance(9)
    alice.servers.stop(server.uuid)
    clock.advance(100)
    admin.servers.get(server.uuid)
    assert vm_and_task_state(server) == ("active", "powering-off")
    assert server.host == "compute-2"
    assert simulator.report(DEAD).instances[0].disturbed_by == ["server.stop"]


def test_an_owners_calls_during_the_rebuild_are_in_the_wrong_task_state(clock, admin, alice, server, down):
    down(DEAD)
    admin.servers.evacuate(server.uuid)
    clock.advance(5)
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'stop' .* in task_state rebuild_spawning"):
        alice.servers.stop(server.uuid)


def test_deleting_an_instance_fails_its_evacuation(simulator, clock, admin, alice, server, down):
    down(DEAD)
    admin.servers.evacuate(server.uuid)
    alice.servers.delete(server.uuid)
    with pytest.raises(exceptions.NotFound, match=f"Instance {server.uuid} could not be found"):
        admin.servers.get(server.uuid)
    clock.advance(10)
    assert admin.migrations.list(instance_uuid=server.uuid) == []
    assert simulator.cloud.migrations[0].status == "failed"


def test_a_live_host_deletes_after_action_latency(clock, alice, server):
    alice.servers.delete(server.uuid)
    assert alice.servers.get(server.uuid)
    clock.advance(1)
    with pytest.raises(exceptions.NotFound):
        alice.servers.get(server.uuid)


def test_instances_of_other_projects_are_not_found_for_a_normal_user(simulator, nova, server):
    with pytest.raises(exceptions.NotFound):
        nova("bob").servers.get(server.uuid)
    assert nova("bob").servers.list() == []


def test_owners_calls_are_counted_by_the_phase_of_the_lock(simulator, admin, alice, server):
    alice.servers.set_meta(server.uuid, {"a": "b"})
    admin.servers.lock(server.uuid)
    for _ in range(2):
        with pytest.raises(exceptions.Conflict):
            alice.servers.stop(server.uuid)
    admin.servers.unlock(server.uuid)
    with pytest.raises(exceptions.Conflict):
        alice.servers.start(server.uuid)
    assert simulator.requests.owner_actions() == {
        "before_lock": {"refused_locked": 0, "refused": 0, "passed": 1},
        "while_locked": {"refused_locked": 2, "refused": 0, "passed": 0},
        "after_lock": {"refused_locked": 0, "refused": 1, "passed": 0},
    }


def test_states_after_reboots_and_rebuilds(simulator, clock, admin, alice, server):
    error = simulator.cloud.add_server(DEAD, vm_state="error")
    stopped = simulator.cloud.add_server(DEAD, vm_state="stopped")
    alice.servers.reboot(server.uuid)
    assert alice.servers.get(server.uuid).status == "REBOOT"
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'reboot' instance .* in vm_state error"):
        alice.servers.reboot(error.uuid)
    alice.servers.reboot(error.uuid, "HARD")
    alice.servers.rebuild(stopped.uuid, "b8146d63-1bba-4dce-ab69-e64975b6b038")
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'reboot' instance .* in task_state rebuilding"):
        alice.servers.reboot(stopped.uuid, "HARD")
    clock.advance(1)
    admin.services.list()
    states = [vm_and_task_state(one) for one in (server, error, stopped)]
    assert states == [("active", None), ("active", None), ("stopped", None)]


def test_metadata_needs_an_instance_that_is_not_in_error(simulator, alice):
    error = simulator.cloud.add_server(DEAD, vm_state="error")
    with pytest.raises(exceptions.Conflict, match="Cannot 'update metadata' instance"):
        alice.servers.set_meta(error.uuid, {"a": "b"})


def test_a_deletion_on_a_dead_host_waits_for_its_restart_unless_it_is_down(simulator, alice, server):
    simulator.cloud.fail_host(DEAD)
    alice.servers.delete(server.uuid)
    assert alice.servers.get(server.uuid).to_dict()["OS-EXT-STS:task_state"] == "deleting"
    simulator.cloud.start_host(DEAD)
    with pytest.raises(exceptions.NotFound):
        alice.servers.get(server.uuid)
