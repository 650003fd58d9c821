"""A populated cloud, and the report on a host that failed."""

import json

import pytest

from masakari_lite_simulator import ManualClock, Simulator, SimulatorOptions


def recover(simulator, clock, admin, uuids):
    for uuid in uuids:
        admin.servers.lock(uuid, "masakari-lite: notification 1")
        admin.servers.evacuate(uuid)
    clock.advance(10)
    for uuid in uuids:
        admin.servers.unlock(uuid)


def test_a_clean_recovery(simulator, clock, admin, down):
    servers = [simulator.cloud.add_server("compute-1") for _ in range(3)]
    down("compute-1")
    recover(simulator, clock, admin, [server.uuid for server in servers])
    report = simulator.report("compute-1")
    assert report.violations == []
    assert (len(report.moved), len(report.left_behind)) == (3, 0)
    assert report.recovery_time == pytest.approx(10)
    assert json.loads(json.dumps(report.to_dict()))["moved"] == 3


def test_a_lock_left_behind_is_a_violation(simulator, clock, admin, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    admin.servers.lock(server.uuid, "masakari-lite: notification 1")
    report = simulator.report("compute-1")
    assert [one.uuid for one in report.left_locked] == [server.uuid]
    assert "left locked by admin" in report.violations[0]


def test_an_owners_lock_that_was_removed_is_a_violation(simulator, clock, admin, alice, down):
    gone, kept, own = (simulator.cloud.add_server("compute-1", locked_by="owner") for _ in range(3))
    down("compute-1")
    admin.servers.unlock(gone.uuid)
    alice.servers.unlock(own.uuid)
    report = simulator.report("compute-1")
    assert {one.uuid: one.owner_lock_kept for one in report.instances} == {
        gone.uuid: False,
        kept.uuid: True,
        own.uuid: None,
    }
    assert [gone.uuid in violation for violation in report.violations] == [True]


def test_another_state_than_before_is_a_violation(simulator, clock, nova, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    nova(version="2.95").servers.evacuate(server.uuid)
    clock.advance(10)
    assert "was active, is stopped after its evacuation" in simulator.report("compute-1").violations[0]


@pytest.mark.parametrize(
    ("hosts", "instances", "on_first"), [(4, 60, 40), (1, 3, 1), (2, 0, 0), (2, 10, 20), (3, 5, 5)]
)
def test_populate(hosts, instances, on_first):
    with Simulator(clock=ManualClock()) as simulator:
        guests = simulator.populate(hosts, instances, on_first)
        assert len(simulator.cloud.hosts) == hosts
        assert len(simulator.cloud.servers) == instances
        expected = instances if hosts == 1 else min(instances, on_first)
        assert len(guests) == len(simulator.cloud.servers_on("compute-1")) == expected


def test_a_populated_host_has_instances_in_all_states():
    with Simulator(clock=ManualClock()) as simulator:
        guests = simulator.populate()
    states = [guest.vm_state for guest in guests]
    assert {state: states.count(state) for state in sorted(set(states))} == {
        "active": 33,
        "error": 1,
        "paused": 1,
        "stopped": 5,
    }
    assert [guest.locked_by for guest in guests].count("owner") == 1


def test_the_same_seed_gives_the_same_cloud():
    def uuids(seed):
        with Simulator(SimulatorOptions(seed=seed)) as simulator:
            return [server.uuid for server in simulator.populate(2, 5, 3)]

    assert uuids(1) == uuids(1) != uuids(2)


def test_an_owners_later_change_is_no_violation(simulator, clock, admin, alice, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    recover(simulator, clock, admin, [server.uuid])
    alice.servers.stop(server.uuid)
    clock.advance(1)
    report = simulator.report("compute-1")
    assert report.violations == []
    assert report.instances[0].vm_state_now == "stopped"
    assert (report.instances[0].changed_by_owner, report.instances[0].disturbed_by) == (["server.stop"], [])
