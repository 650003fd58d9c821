"""The life of one instance on its way: its lock, its evacuation, and all that can come between."""

from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite import exceptions
from masakari_lite.compute.host_servers import HostServers
from masakari_lite.compute.servers import Servers
from masakari_lite_simulator import Fault, evacuation
from tests.harness.monitor import HOST
from tests.harness.site import Site

RUNNING = 1


# what can become of an evacuation


def test_no_valid_host_is_seen_at_once(build_site: Callable[..., Site]) -> None:
    site = build_site(wait_period_after_evacuation=600)
    servers = site.add(3)
    site.cloud.no_valid_host(share=1.0)
    ended = site.recover()  # which waits 60 s for the end
    assert ended["status"] == "error"
    for server in servers:
        assert site.vmove(ended, server)["message"] == (
            "Nova found no host for it: No valid host was found. There are not enough hosts available. "
            "(waiting for room)"
        )
        assert not server.locked
        assert len(site.evacuations(server)) == 1


def test_when_there_is_room_again_they_come_back_as_they_were_at_first(site: Site) -> None:
    for host in site.cloud.hosts.values():
        host.capacity = 0
    active, stopped, paused, ill = (
        site.add(1)
        + site.add(1, vm_state="stopped")
        + site.add(1, vm_state="paused")
        + site.add(1, vm_state="error", power_state=RUNNING)
    )
    assert site.recover()["message"].startswith("4 failed")
    assert {server.vm_state for server in (active, stopped, paused, ill)} == {"error"}
    assert site.engine.recover()["message"].startswith("4 failed")
    for host in site.cloud.hosts.values():
        host.capacity = None
    ended = site.engine.recover()
    assert ended["message"] == "4 succeeded"
    for server, vm_state in ((active, "active"), (stopped, "stopped"), (paused, "stopped"), (ill, "error")):
        assert (server.host != HOST, server.vm_state, server.locked) == (True, vm_state, False)
        assert [record.status for record in site.evacuations(server)] == ["error", "error", "done"]
    site.assert_safe()


def test_what_was_brought_back_once_is_looked_at_afresh(site: Site) -> None:
    """An instance that returned to the host and broke there was in error before the second failure."""
    (server,) = site.add(1)
    site.recover()
    with site.cloud.up_to_date():
        site.cloud.update(server, host=HOST, vm_state="error")
    ended = site.engine.recover()
    assert site.vmove(ended, server)["vm_state"] == "error"
    assert site.has(server, vm_state="error")
    assert [record.status for record in site.evacuations(server)] == ["done", "done"]
    assert server.host != HOST


def test_a_failure_on_the_destination_is_told_with_its_fault(site: Site) -> None:
    ill, well = site.add(2)
    site.cloud.fail_rebuild(ill.uuid)
    ended = site.recover()
    move = site.vmove(ended, ill)
    assert move["status"] == "failed"
    (record,) = site.evacuations(ill)
    assert move["message"] == (
        f"its evacuation to {record.dest_compute} ended as failed: "
        "This rebuild fails as planned in the simulator."
    )
    assert not ill.locked
    site.assert_evacuated_once(well)


def test_the_late_error_of_a_failed_evacuation_is_waited_for(build_site: Callable[..., Site]) -> None:
    """Nova ends the record first; the instance's error comes a moment later, 10 verify_intervals at most."""
    site = build_site(verify_interval=1)
    (server,) = site.add(1)
    site.cloud.options.evacuation_latency = 60
    uuid = site.begin()
    (record,) = site.evacuations(server)
    asked = site.simulator.requests.count("server.show")
    with site.cloud.up_to_date():
        site.cloud.set_migration(record, status="error")
    site.until(lambda: site.simulator.requests.count("server.show") >= asked + 2)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    with site.cloud.up_to_date():
        site.cloud.update(
            server, vm_state="error", task_state=None, fault=site.cloud.fault("No valid host was found.")
        )
    assert "No valid host was found." in site.engine.wait(uuid)["message"]


def test_an_instance_that_has_gone_elsewhere_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = site.begin()
    (gone,) = [server for server in servers if not site.evacuations(server)]
    with site.cloud.up_to_date():
        site.cloud.update(gone, host="compute-3")
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, gone)["message"] == "it is on compute-3 already"
    assert not site.evacuations(gone)
    site.assert_safe()


def test_an_evacuation_by_somebody_else_is_adopted(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 3})
    hurried, other = site.add(2)
    assert site.engine  # has started, so that it looks before that evacuation has ended
    site.cloud.fail_host(HOST)
    site.until(lambda: not site.cloud.is_up(site.cloud.hosts[HOST]))
    with site.cloud.up_to_date():
        evacuation.evacuate(site.cloud, hurried, None, stop_after=False)
    ended = site.engine.recover()
    assert ended["message"] == "2 succeeded"
    site.assert_evacuated_once(hurried, other)


def test_an_evacuation_of_old_is_not_taken_for_this_one(site: Site) -> None:
    (server,) = site.add(1)
    for status in ("failed", "completed", "done"):
        site.cloud.add_migration(
            server, migration_type="evacuation", status=status, dest="compute-2", age=9999
        )
    assert site.recover()["status"] == "finished"
    assert [record.status for record in site.evacuations(server)] == ["failed", "completed", "done", "done"]
    assert server.host != HOST


def test_a_slow_evacuation_is_given_up_in_time_and_adopted_by_the_next(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(cloud={"evacuation_latency": 3}, wait_period_after_evacuation=1)
    (server,) = site.add(1)
    ended = site.recover()
    assert ended["status"] == "error"
    (record,) = site.evacuations(server)
    assert f"evacuation record {record.id} to {record.dest_compute} is pre-migrating" in ended["message"]
    assert "wait_period_after_evacuation" in ended["message"]
    assert not server.locked
    site.conf.set_override("wait_period_after_evacuation", 30)
    assert site.engine.recover()["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_nova_that_refuses_a_task_state_gets_it_reset(site: Site) -> None:
    """Before the fix of bug 1978983 an instance with any task_state was refused."""
    (server,) = site.add(1, task_state="rebooting")
    message = f"Cannot 'evacuate' instance {server.uuid} while it is in task_state rebooting"
    fault = site.simulator.faults.add("server.evacuate", Fault(status=409, times=1, message=message))
    assert site.recover()["status"] == "finished"
    assert fault.hits == 1
    assert site.simulator.requests.count("server.reset_state", status=202) == 1
    site.assert_evacuated_once(server)


def test_an_evacuation_that_nova_refuses_is_failed(site: Site) -> None:
    (server,) = site.add(1)
    site.simulator.faults.add("server.evacuate", Fault(status=400, message="No."))
    move = site.vmove(site.recover(), server)
    assert move["status"] == "failed"
    assert f"evacuate instance {server.uuid}: HTTP 400 No. (req-" in move["message"]
    assert not server.locked


# restore


@pytest.mark.parametrize(
    ("state", "option", "what"),
    [
        ({"vm_state": "paused"}, "wait_period_after_power_off", "vm_state stopped"),
        (
            {"vm_state": "stopped", "task_state": "powering-on"},
            "wait_period_after_power_on",
            "vm_state active",
        ),
    ],
)
def test_a_restoration_that_takes_too_long_is_failed(
    build_site: Callable[..., Site], state: dict[str, Any], option: str, what: str
) -> None:
    site = build_site(**{option: 1})
    site.cloud.options.action_latency = 60
    (server,) = site.add(1, **state)
    ended = site.recover()
    assert ended["status"] == "error"
    message = site.vmove(ended, server)["message"]
    assert message == f"evacuated to {server.host}, but {what}: not within 1 s"
    assert not server.locked
    assert server.host != HOST


def test_a_stop_whose_answer_was_lost_is_waited_for(site: Site) -> None:
    site.cloud.options.action_latency = 0.3
    (server,) = site.add(1, vm_state="paused")
    fault = site.simulator.faults.add("server.stop", Fault(drop_after=True, times=1))
    assert site.recover()["status"] == "finished"
    assert fault.hits == 1
    site.assert_evacuated_once(server, vm_state="stopped")


# trouble of our own


def test_a_mistake_of_ours_fails_one_instance_only(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    ill, well = site.add(2)
    real = Servers.evacuate

    def evacuate(self: Servers, uuid: str) -> None:
        if uuid == ill.uuid:
            raise ZeroDivisionError("oops")
        real(self, uuid)

    monkeypatch.setattr(Servers, "evacuate", evacuate)
    ended = site.recover()
    assert ended["status"] == "error"
    assert site.vmove(ended, ill)["message"] == "unexpected ZeroDivisionError: oops"
    assert not ill.locked
    site.assert_evacuated_once(well)


def test_a_mistake_of_ours_outside_an_instance_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_instances(*_arguments: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(HostServers, "list_all", list_instances)
    ended = site.recover()
    assert ended["status"] == "error"
    assert ended["message"].startswith("unexpected ZeroDivisionError: oops; retried at ")
    monkeypatch.undo()
    assert site.engine.recover()["status"] == "finished"


@pytest.mark.parametrize("step", ["lock", "evacuate", "unlock", "done"])
def test_a_move_that_cannot_be_written_goes_on_when_it_can(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    ill, well = site.add(2)
    journal = site.engine.service._journal
    real, real_complete = journal.vmoves.update, journal.vmoves.complete
    refused = []

    def refuse(vmove: Any, **changes: Any) -> None:
        if vmove.instance_uuid == ill.uuid and changes["step"] == step and not refused:
            refused.append(step)
            raise exceptions.JournalError("the disk is full")

    def update_vmove(notification: Any, vmove: Any, **changes: Any) -> Any:
        refuse(vmove, **changes)
        return real(notification, vmove, **changes)

    def complete_vmoves(notification: Any, vmoves: Any, **changes: Any) -> Any:
        for vmove in vmoves:
            refuse(vmove, **changes)
        return real_complete(notification, vmoves, **changes)

    monkeypatch.setattr(journal.vmoves, "update", update_vmove)
    monkeypatch.setattr(journal.vmoves, "complete", complete_vmoves)
    ended = site.recover()
    assert refused
    assert (ended["status"], ended["message"]) == ("finished", "2 succeeded")
    site.assert_evacuated_once(ill, well)
