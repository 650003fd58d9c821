"""The life of one instance on its way: its lock, its evacuation, and all that can come between."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from keystoneauth1 import session
from keystoneauth1.identity import v3

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.models import JsonDict
from masakari_lite.simulator import Fault, Server, evacuation
from tests.functional.harness import HOST, Site

RUNNING = 1


def begin(site: Site, **changes: Any) -> str:
    """Let the host fail and notify; return when Nova has accepted an evacuation."""
    site.cloud.fail_host(HOST)
    uuid: str = site.engine.notify(**changes)["notification_uuid"]
    site.until(lambda: any(record.is_running for record in site.cloud.migrations))
    return uuid


# lock


def test_an_instance_is_locked_in_our_name_while_it_moves(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5})
    (server,) = site.add(1)
    uuid = begin(site)
    assert server.locked_by == "admin"
    assert server.locked_reason == f"masakari-lite: evacuation by notification {uuid}"
    assert _ask_as_owner(site, server, {"os-stop": None}) == 409
    assert site.engine.wait(uuid)["status"] == "finished"
    assert not server.locked
    assert _ask_as_owner(site, server, {"os-stop": None}) == 202
    site.until(lambda: server.vm_state == "stopped")
    site.assert_evacuated_once(server, vm_state="stopped")


def _ask_as_owner(site: Site, server: Server, action: JsonDict) -> int:
    domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
    auth = v3.Password(site.simulator.auth_url, username="alice", password="alice", **domains)
    auth.project_name = "demo"
    url = f"{site.simulator.compute_url}/servers/{server.uuid}/action"
    client = session.Session(auth)
    status: int = client.post(url, json=action, raise_exc=False).status_code
    client.session.close()
    return status


@pytest.mark.parametrize(
    "lock",
    [
        {"locked_by": "owner", "locked_reason": "do not touch"},
        {"locked_by": "owner"},
        {"locked_by": "admin", "locked_reason": "under investigation"},
        {"locked_by": "admin"},
    ],
)
@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_a_lock_of_somebody_else_stays_as_it_is(
    build_site: Callable[..., Site], lock: dict[str, str], microversion: str
) -> None:
    site = build_site(cloud={"max_microversion": microversion})
    (server,) = site.add(1, **lock)
    ended = site.recover()
    site.assert_evacuated_once(server)
    assert site.has(server, **({"locked_reason": None} | lock))
    assert not site.simulator.requests.count("server.lock")
    assert not site.simulator.requests.count("server.unlock")
    move = site.vmove(ended, server)
    assert (move["locked"], move["locked_by_us"]) == (True, False)


def test_a_lock_that_an_administrator_took_over_is_left(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3})
    taken_over, opened = site.add(2)
    uuid = begin(site)
    site.until(lambda: taken_over.locked and opened.locked)
    with site.cloud.up_to_date():
        site.cloud.update(taken_over, locked_reason="forensics")
        site.cloud.update(opened, locked_by=None, locked_reason=None)
    assert site.engine.wait(uuid)["status"] == "finished"
    assert site.has(taken_over, locked_by="admin", locked_reason="forensics")
    assert not opened.locked
    site.assert_evacuated_once(taken_over, opened)


@pytest.mark.parametrize("microversion", ["2.53", "2.59", "2.73", "2.104"])
def test_every_nova_since_pike_will_do(build_site: Callable[..., Site], microversion: str) -> None:
    site = build_site(cloud={"max_microversion": microversion, "evacuation_latency": 0.2})
    servers = site.add(3) + site.add(1, locked_by="owner")
    stopped = site.add(1, vm_state="stopped")
    uuid = begin(site)
    moving = site.cloud.servers[site.cloud.migrations[0].instance_uuid]
    assert moving.locked_by == ("owner" if moving is servers[3] else "admin")
    has_reason = int(microversion[2:]) >= 73 and moving is not servers[3]
    assert (uuid in (moving.locked_reason or "")) == has_reason
    assert site.engine.wait(uuid)["message"] == "5 succeeded"
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(*stopped, vm_state="stopped")
    assert [server.locked_by for server in servers] == [None, None, None, "owner"]


def test_an_older_nova_is_refused(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"max_microversion": "2.52"})
    ended = site.recover()
    assert ended["status"] == "error"
    assert "microversion 2.52 at most; masakari-lite works from 2.53" in ended["message"]


# what can become of an evacuation


def test_no_valid_host_is_seen_at_once(site: Site) -> None:
    servers = site.add(3)
    site.cloud.no_valid_host(share=1.0)
    begun = time.monotonic()
    ended = site.recover()
    assert time.monotonic() - begun < site.conf.wait_period_after_evacuation / 10
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
        "The simulator was told to fail this rebuild."
    )
    assert not ill.locked
    site.assert_evacuated_once(well)


def test_the_late_error_of_a_failed_evacuation_is_waited_for(site: Site) -> None:
    """Nova ends the record first; the instance's error comes a moment later."""
    (server,) = site.add(1)
    site.cloud.options.evacuation_latency = 60
    uuid = begin(site)
    (record,) = site.evacuations(server)
    with site.cloud.up_to_date():
        site.cloud.set_migration(record, status="error")
    site.until(lambda: site.simulator.requests.count("server.list") >= 3)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    with site.cloud.up_to_date():
        site.cloud.update(
            server, vm_state="error", task_state=None, fault=site.cloud.fault("No valid host was found.")
        )
    assert "No valid host was found." in site.engine.wait(uuid)["message"]


def test_an_instance_deleted_on_its_way_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.4})
    doomed, other = site.add(2)
    uuid = begin(site)
    site.until(lambda: site.cloud.running.get(doomed.uuid))
    with site.cloud.up_to_date():
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded, 1 ignored")
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"
    site.assert_evacuated_once(other)


def test_an_instance_deleted_on_its_way_keeps_no_thread(build_site: Callable[..., Site]) -> None:
    """Nova takes its evacuation record with it, so that nothing is seen to end."""
    site = build_site(cloud={"evacuation_latency": 600})
    (doomed,) = site.add(1)
    uuid = begin(site)
    with site.cloud.up_to_date():
        site.cloud.migrations.clear()
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid, limit=site.conf.wait_period_after_evacuation / 3)
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"


def test_an_instance_deleted_before_its_turn_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = begin(site)
    (doomed,) = [server for server in servers if not site.evacuations(server)]
    with site.cloud.up_to_date():
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"
    assert not site.evacuations(doomed)


@pytest.mark.parametrize("change", [{"vm_state": "soft-delete"}, {"task_state": "deleting"}])
def test_an_instance_being_deleted_before_its_turn_is_ignored(
    build_site: Callable[..., Site], change: dict[str, str]
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = begin(site)
    (doomed,) = [server for server in servers if not site.evacuations(server)]
    with site.cloud.up_to_date():
        site.cloud.update(doomed, **change)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, doomed)["message"] == "its owner has deleted it meanwhile"
    assert not site.evacuations(doomed)
    assert site.has(doomed, **change)


def test_an_instance_deleted_when_asked_for_is_ignored(site: Site) -> None:
    """Nova's 404 to the evacuation itself says it as well."""
    (server,) = site.add(1)
    gone = Fault(status=404, message=f"Instance {server.uuid} could not be found.")
    site.simulator.faults.add("server.evacuate", gone)
    move = site.vmove(site.recover(), server)
    assert (move["status"], move["message"]) == ("ignored", "it was deleted meanwhile")
    assert not server.locked


def test_an_instance_deleted_before_it_is_stopped_again_is_ignored(site: Site) -> None:
    site.cloud.options.action_latency = 60
    (server,) = site.add(1, vm_state="paused")
    uuid = begin(site)
    site.until(lambda: server.task_state == "powering-off")
    with site.cloud.up_to_date():
        site.cloud.destroy(server)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, server)["message"] == "it was deleted meanwhile"


def test_an_instance_that_has_gone_elsewhere_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = begin(site)
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
        site.cloud.plant_migration(
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


def test_an_instance_that_breaks_on_arrival_is_failed(site: Site) -> None:
    (server,) = site.add(1)
    site.simulator.faults.set_latency("server.list", 0.3)
    uuid = begin(site)
    site.until(lambda: site.evacuations(server)[0].status == "done")
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error", fault=site.cloud.fault("its disk is gone"))
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, server)["message"] == (
        f"evacuated to {server.host}, but it is in error there: its disk is gone"
    )


LATENCY = 5.0
BACKUP = {"createBackup": {"name": "backup", "backup_type": "daily", "rotation": 1}}


def _begin_backup_between_hosts(site: Site, server: Server) -> str:
    """Have the owner begin a backup after the rebuild and before the host changes; a lock lets it pass."""
    uuid = begin(site)
    site.clock.leap(evacuation.SPAWNED * LATENCY)
    site.until(lambda: server.vm_state == "active" and not server.task_state)
    assert _ask_as_owner(site, server, BACKUP) == 202
    with site.cloud.up_to_date():
        assert server.host == HOST  # so it is told to the dead host
    return uuid


def test_a_backup_that_was_told_to_the_dead_host_delays_nothing(build_site: Callable[..., Site]) -> None:
    """Nova leaves its task_state for ever."""
    site = build_site(cloud={"evacuation_latency": LATENCY})
    (server,) = site.add(1)
    uuid = _begin_backup_between_hosts(site, server)
    site.clock.leap(LATENCY)
    ended = site.engine.wait(uuid)
    assert ended["status"] == "finished"
    assert site.has(server, vm_state="active", task_state="image_backup", locked=False)
    assert "its task_state is image_backup: if that does not end" in site.vmove(ended, server)["message"]


def test_a_backup_on_arrival_is_waited_for_before_the_power_is_restored(site: Site) -> None:
    (server,) = site.add(1, vm_state="paused", power_state=3)
    site.simulator.faults.set_latency("server.list", 0.3)
    uuid = begin(site)
    site.until(lambda: site.evacuations(server)[0].status == "done")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state="image_backup")
    count = site.simulator.requests.count("migration.list")
    site.until(lambda: site.simulator.requests.count("migration.list") > count + 3)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    assert not site.simulator.requests.count("server.stop")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state=None)
    assert site.engine.wait(uuid)["status"] == "finished"
    assert site.has(server, vm_state="stopped", locked=False)


def test_a_state_that_is_reset_in_mid_rebuild_costs_one_try(build_site: Callable[..., Site]) -> None:
    """Nova ends the record as failed, and leaves the task_state for ever."""
    site = build_site(
        cloud={"evacuation_latency": 1},
        wait_period_after_evacuation=600,
        host_failure__evacuation_retry_interval=0.2,
    )
    (server,) = site.add(1)
    uuid = begin(site)
    site.until(lambda: server.task_state == "rebuild_spawning")
    NovaAPI(site.conf).reset_state(server.uuid, "error")
    site.until(lambda: site.evacuations(server)[0].status == "failed")
    assert site.engine.wait(uuid)["status"] == "error"
    site.until(lambda: site.engine.api.get_notification(uuid)["status"] == "finished")
    assert [record.status for record in site.evacuations(server)] == ["failed", "done"]
    assert site.has(server, vm_state="active", task_state=None, locked=False)
    site.assert_safe()


def test_a_nova_that_refuses_a_task_state_gets_it_reset(site: Site) -> None:
    """Before the fix of bug 1978983 an instance with any task_state was refused."""
    (server,) = site.add(1, task_state="rebooting")
    fault = site.simulator.faults.add("server.evacuate", Fault(status=409, times=1))
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
    real = NovaAPI.evacuate

    def evacuate(self: NovaAPI, uuid: str) -> None:
        if uuid == ill.uuid:
            raise ZeroDivisionError("oops")
        real(self, uuid)

    monkeypatch.setattr(NovaAPI, "evacuate", evacuate)
    ended = site.recover()
    assert ended["status"] == "error"
    assert site.vmove(ended, ill)["message"] == "unexpected ZeroDivisionError: oops"
    assert not ill.locked
    site.assert_evacuated_once(well)


def test_a_mistake_of_ours_outside_an_instance_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def list_instances(*_arguments: object) -> None:
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(NovaAPI, "list_instances", list_instances)
    ended = site.recover()
    assert ended["status"] == "error"
    assert ended["message"].startswith("unexpected ZeroDivisionError: oops; tried again at ")
    monkeypatch.undo()
    assert site.engine.recover()["status"] == "finished"


@pytest.mark.parametrize("step", ["lock", "evacuate", "unlock", "done"])
def test_a_move_that_cannot_be_written_goes_on_when_it_can(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    ill, well = site.add(2)
    journal = site.engine.service._journal
    real = journal.update_vmove
    refused = []

    def update_vmove(notification: Any, vmove: Any, **changes: Any) -> Any:
        if vmove.instance_uuid == ill.uuid and changes["step"] == step and not refused:
            refused.append(step)
            raise exceptions.JournalError("the disk is full")
        return real(notification, vmove, **changes)

    monkeypatch.setattr(journal, "update_vmove", update_vmove)
    ended = site.recover()
    assert refused
    assert (ended["status"], ended["message"]) == ("finished", "2 succeeded")
    site.assert_evacuated_once(ill, well)


@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_an_instance_deleted_before_its_unlock_has_come_back(
    build_site: Callable[..., Site], microversion: str
) -> None:
    """Its owner could delete it only after the lock was gone, but an administrator could before."""
    site = build_site(cloud={"max_microversion": microversion})
    (server,) = site.add(1)
    gone = Fault(status=404, message=f"Instance {server.uuid} could not be found.")
    site.simulator.faults.add("server.unlock", gone)
    move = site.vmove(site.recover(), server)
    assert (move["status"], move["locked_by_us"]) == ("succeeded", False)
    assert gone.hits == 1
