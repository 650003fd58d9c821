"""The steps of a simulated evacuation are those of a real one."""

import pytest
from novaclient import exceptions


def state(server):
    """Return what a client reads of a server."""
    return (
        getattr(server, "OS-EXT-STS:vm_state"),
        getattr(server, "OS-EXT-STS:task_state"),
        getattr(server, "OS-EXT-SRV-ATTR:host"),
    )


@pytest.fixture
def watch(admin):
    def read(server):
        record = admin.migrations.list(instance_uuid=server.uuid)[0]
        return (*state(admin.servers.get(server.uuid)), record.status)

    return read


def test_evacuate_is_refused_while_the_service_is_up(simulator, admin):
    server = simulator.cloud.add_server("compute-1")
    with pytest.raises(exceptions.BadRequest, match="Compute service of compute-1 is still in use"):
        admin.servers.evacuate(server.uuid)


def test_a_service_is_down_after_service_down_time(simulator, clock, admin):
    simulator.cloud.fail_host("compute-1")
    assert admin.services.list(host="compute-1")[0].state == "up"
    clock.advance(61)
    assert admin.services.list(host="compute-1")[0].state == "down"


@pytest.mark.parametrize(
    ("vm_state", "ends"), [("active", "active"), ("error", "active"), ("stopped", "stopped")]
)
def test_the_host_changes_last(simulator, clock, admin, watch, down, vm_state, ends):
    server = simulator.cloud.add_server("compute-1", vm_state=vm_state)
    down("compute-1")
    admin.servers.evacuate(server.uuid)
    seen = [watch(server)]
    for _quarter in range(48):
        clock.advance(0.25)
        if watch(server) != seen[-1]:
            seen.append(watch(server))
    stop = [
        ("active", None, "compute-1", "pre-migrating"),
        ("active", "powering-off", "compute-1", "pre-migrating"),
    ]
    assert seen == [
        (vm_state, "rebuilding", "compute-1", "accepted"),
        (vm_state, "rebuilding", "compute-1", "pre-migrating"),
        (vm_state, "rebuild_block_device_mapping", "compute-1", "pre-migrating"),
        (vm_state, "rebuild_spawning", "compute-1", "pre-migrating"),
        *(stop if ends == "stopped" else []),
        (ends, None, "compute-1", "pre-migrating"),
        (ends, None, "compute-2", "pre-migrating"),
        (ends, None, "compute-2", "done"),
    ]


@pytest.mark.parametrize(("vm_state", "ends"), [("active", "stopped"), ("error", "active")])
def test_microversion_2_95_leaves_instances_stopped(simulator, clock, nova, down, vm_state, ends):
    server = simulator.cloud.add_server("compute-1", vm_state=vm_state)
    down("compute-1")
    nova(version="2.95").servers.evacuate(server.uuid)
    clock.advance(10)
    assert getattr(nova().servers.get(server.uuid), "OS-EXT-STS:vm_state") == ends


def test_a_paused_instance_cannot_be_evacuated_until_it_is_reset(simulator, admin, down):
    server = simulator.cloud.add_server("compute-1", vm_state="paused")
    down("compute-1")
    with pytest.raises(exceptions.Conflict, match=r"Cannot 'evacuate' instance .* in vm_state paused"):
        admin.servers.evacuate(server.uuid)
    admin.servers.reset_state(server.uuid, "error")
    admin.servers.evacuate(server.uuid)


def test_a_target_must_exist_and_be_another_host(simulator, admin, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    with pytest.raises(exceptions.BadRequest, match="can't be the same one"):
        admin.servers.evacuate(server.uuid, host="compute-1")
    with pytest.raises(exceptions.NotFound, match="Compute host nowhere not found"):
        admin.servers.evacuate(server.uuid, host="nowhere")


def test_a_named_target_is_chosen(simulator, clock, admin, watch, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.servers.evacuate(server.uuid, host="compute-3")
    clock.advance(10)
    assert watch(server) == ("active", None, "compute-3", "done")


def test_no_valid_host_leaves_it_in_error_on_the_source(simulator, clock, admin, watch, down):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.no_valid_host(server.uuid, times=1)
    down("compute-1")
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    assert watch(server) == ("error", None, "compute-1", "error")
    assert "No valid host was found" in admin.servers.get(server.uuid).fault["message"]
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    assert watch(server) == ("active", None, "compute-2", "done")


def test_full_disabled_and_down_hosts_are_not_chosen(simulator, clock, admin, watch, down):
    simulator.cloud.disable("compute-2")
    simulator.cloud.hosts["compute-3"].capacity = 1
    first, second = (simulator.cloud.add_server("compute-1") for _ in range(2))
    down("compute-1")
    admin.servers.evacuate(first.uuid)
    admin.servers.evacuate(second.uuid)
    clock.advance(10)
    assert watch(first)[2:] == ("compute-3", "done")
    assert watch(second)[2:] == ("compute-1", "error")


def test_a_failing_rebuild(simulator, clock, admin, watch, down):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.fail_rebuild(server.uuid)
    down("compute-1")
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    assert watch(server) == ("error", None, "compute-1", "failed")


def test_a_second_evacuate_is_accepted_and_is_a_violation(simulator, clock, admin, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.servers.evacuate(server.uuid)
    clock.advance(1)
    admin.servers.evacuate(server.uuid)
    clock.advance(10)
    report = simulator.report("compute-1")
    assert report.evacuations_overlapped == 1
    assert f"{server.name} ({server.uuid}): evacuated while its evacuation was running" in report.violations


def test_a_second_evacuate_disturbs_the_first(simulator, clock, admin, watch, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.servers.evacuate(server.uuid)
    clock.advance(5)
    admin.servers.evacuate(server.uuid)
    clock.advance(20)
    assert watch(server)[0] == "error"
    assert [record.status for record in simulator.cloud.migrations] == ["failed", "failed"]


def test_a_destination_that_dies_leaves_a_record_that_stays_running(simulator, clock, admin, watch, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.servers.evacuate(server.uuid, host="compute-2")
    clock.advance(5)
    simulator.cloud.fail_host("compute-2")
    clock.advance(100)
    assert watch(server) == ("active", "rebuild_spawning", "compute-1", "pre-migrating")


def test_an_evacuation_after_the_first_has_completed_is_no_violation(simulator, clock, admin, down):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.fail_rebuild(server.uuid, times=1)
    down("compute-1")
    for _ in range(2):
        admin.servers.evacuate(server.uuid)
        clock.advance(10)
    report = simulator.report("compute-1")
    assert (report.evacuations_accepted, report.evacuations_overlapped, report.violations) == (2, 0, [])


def test_an_evacuation_of_a_live_host_is_a_violation(simulator, admin):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.fail_host("compute-1")
    simulator.cloud.force_down("compute-1")
    simulator.cloud.start_host("compute-1")
    admin.servers.evacuate(server.uuid)
    report = simulator.report("compute-1")
    assert report.evacuations_while_host_alive == 1
    assert "evacuated while its host was alive" in report.violations[0]
