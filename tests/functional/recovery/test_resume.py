"""A newer notification, or the engine after a crash, goes on with what an earlier try has begun."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from oslo_utils import timeutils

from masakari_lite.engine import validation
from masakari_lite.models import JsonDict, Step
from masakari_lite_simulator import Fault, Server
from tests.functional.recovery.test_restart import evacuate, leave, lock
from tests.functional.recovery.test_retries import wait_for
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site

PAUSED = {"vm_state": "paused", "power_state": 3}
RETRY = "host_failure__evacuation_retry_interval"
IMPATIENT = {"wait_period_after_evacuation": 1, RETRY: 600}


def _give_up_waiting(site: Site) -> JsonDict:
    """Recover a host whose evacuations take longer than is waited for."""
    first = site.recover()
    assert first["status"] == "error"
    assert "not within 1 s" in first["message"]
    site.conf.set_override("wait_period_after_evacuation", 30)
    return first


KINDS = pytest.mark.parametrize(
    ("state", "end"),
    [
        (PAUSED, "stopped"),
        ({"task_state": "powering-off"}, "stopped"),
        ({"vm_state": "stopped", "power_state": 4, "task_state": "powering-on"}, "active"),
        ({"vm_state": "error", "power_state": 4}, "error"),
    ],
    ids=["paused", "powering-off", "powering-on", "error"],
)


@KINDS
def test_what_arrived_too_late_gets_its_state_by_the_next_notification(
    build_site: Callable[..., Site], state: dict[str, Any], end: str
) -> None:
    site = build_site(cloud={"evacuation_latency": 2}, **IMPATIENT)
    (server,) = site.add(1, **state)
    first = _give_up_waiting(site)
    site.until(lambda: server.host != HOST and not server.task_state)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(server, vm_state=end)
    superseded = site.engine.api.get_notification(first["notification_uuid"])
    assert superseded["status"] == "failed"
    assert f"notification {second['notification_uuid']} resumes its vmoves" in superseded["message"]
    assert "retried" not in superseded["message"]


@KINDS
def test_what_arrived_too_late_gets_its_state_by_the_next_try(
    build_site: Callable[..., Site], state: dict[str, Any], end: str
) -> None:
    site = build_site(cloud={"evacuation_latency": 1.5}, **(IMPATIENT | {RETRY: 1.5}))
    (server,) = site.add(1, **state)
    first = _give_up_waiting(site)
    assert wait_for(site, first["notification_uuid"], "finished", "failed")["status"] == "finished"
    site.assert_evacuated_once(server, vm_state=end)


@pytest.mark.parametrize(
    ("state", "request_kind", "end"),
    [
        ({"task_state": "powering-off"}, "server.stop", "stopped"),
        ({"vm_state": "error", "power_state": 4}, "server.reset_state", "error"),
    ],
    ids=["powering-off", "error"],
)
def test_what_could_not_be_restored_is_restored_by_the_next_try(
    build_site: Callable[..., Site], state: dict[str, Any], request_kind: str, end: str
) -> None:
    site = build_site(nova__retry_period=0, **{RETRY: 0.5})
    (server,) = site.add(1, **state)
    site.simulator.faults.add(request_kind, Fault(status=503, times=1))
    first = site.recover()
    assert first["status"] == "error"
    assert wait_for(site, first["notification_uuid"], "finished", "failed")["status"] == "finished"
    site.assert_evacuated_once(server, vm_state=end)


def test_a_notification_after_the_last_one_was_given_up_goes_on_with_what_that_had_begun(
    build_site: Callable[..., Site],
) -> None:
    """An operator has changed the dead host's service, which may as well be a sign of life."""
    site = build_site(cloud={"evacuation_latency": 4}, **(IMPATIENT | {RETRY: 1}))
    (paused,) = site.add(1, **PAUSED)
    first = _give_up_waiting(site)
    with site.cloud.up_to_date():
        site.clock.leap(1)  # whole seconds tell
    site.cloud.disable(HOST, "dead, says the night shift")
    ended = wait_for(site, first["notification_uuid"], "failed")
    assert "notify again" in ended["message"]
    site.until(lambda: paused.host != HOST and not paused.task_state)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(paused, vm_state="stopped")


def test_an_engine_that_died_before_it_had_planned_a_newer_notification_does_so_first(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(cloud={"evacuation_latency": 2}, **IMPATIENT)
    (paused,) = site.add(1, **PAUSED)
    first = _give_up_waiting(site)["notification_uuid"]
    site.until(lambda: paused.host != HOST and not paused.task_state)
    site.stop()
    with site.journal() as journal:
        found = journal.notifications.get(first)
        journal.notifications.update(found, retry_at=timeutils.utcnow(), service_updated_at="before")
        parsed = validation.parse_notification(build_notification(notification_uuid=str(uuid.uuid4())))
        second = journal.notifications.add(parsed)
        journal.notifications.claim(second, "an engine that died")
    ended = site.engine.wait(second.notification_uuid)
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(paused, vm_state="stopped")
    assert "resumes its vmoves" in site.engine.api.get_notification(first)["message"]


def test_what_arrives_before_its_turn_gets_its_state_all_the_same(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 2.5}, host_failure_recovery_threads=1, **IMPATIENT)
    servers = site.add(2, **PAUSED)
    _give_up_waiting(site)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "2 succeeded")
    site.assert_evacuated_once(*servers, vm_state="stopped")


def test_what_is_still_on_its_way_is_what_it_was_at_first(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 2.5}, **IMPATIENT)
    (server,) = site.add(1, task_state="powering-off")
    _give_up_waiting(site)
    second = site.engine.recover()
    assert second["status"] == "finished"
    assert site.vmove(second, server)["task_state"] == "powering-off"
    site.assert_evacuated_once(server, vm_state="stopped")


def test_a_reset_that_nobody_confirmed_does_not_become_the_first_sight(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(nova__retry_period=0.3, host_failure__evacuation_retry_interval=600)
    (paused,) = site.add(1, **PAUSED)
    site.simulator.faults.add("server.reset_state", Fault(drop_after=True))
    first = site.recover()
    assert (first["status"], paused.vm_state) == ("error", "error")
    site.simulator.faults.clear()
    second = site.engine.recover()
    assert second["status"] == "finished"
    site.assert_evacuated_once(paused, vm_state="stopped")


def test_what_its_owner_deletes_meanwhile_is_no_more_gone_on_with(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 2}, **IMPATIENT)
    (paused,) = site.add(1, **PAUSED)
    _give_up_waiting(site)
    site.until(lambda: paused.host != HOST and not paused.task_state)
    with site.cloud.up_to_date():
        site.cloud.destroy(paused)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "1 ignored")


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize("step", [Step.LOCK, Step.RESTORE])
@pytest.mark.parametrize(
    ("state", "end"),
    [({"vm_state": "error", "power_state": 4}, "error"), ({"task_state": "powering-off"}, "stopped")],
    ids=["error", "powering-off"],
)
def test_an_engine_that_died_in_a_further_try_leaves_the_state_to_be_restored(
    site: Site, attempts: int, step: Step, state: dict[str, Any], end: str
) -> None:
    """The further try has locked the instance and waits for the evacuation of an earlier one."""
    (server,) = site.add(1, **state)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        left = {"step": step, "locked_by_us": True, "attempts": attempts, "task_state": server.task_state}
        notification = leave(journal, server, **left)
    lock(site, server, notification)
    evacuate(site, server)
    site.until(lambda: site.evacuations(server)[0].status == "done")
    assert site.engine.wait(notification)["status"] == "finished"
    site.assert_evacuated_once(server, vm_state=end)


def test_an_evacuation_of_which_nova_lost_the_message_is_named(build_site: Callable[..., Site]) -> None:
    """It is not asked for again: nobody can tell it from one that will go on."""
    site = build_site(wait_period_after_evacuation=1, host_failure__evacuation_attempts=1)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    _accept_and_forget(site, server)
    notification = site.engine.notify()["notification_uuid"]
    ended = wait_for(site, notification, "failed")
    assert "its scheduler has not chosen a host" in ended["message"]
    assert not site.simulator.requests.count("server.evacuate")
    assert not server.locked


def _accept_and_forget(site: Site, server: Server) -> None:
    site.cloud.add_migration(server, migration_type="evacuation", status="accepted")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state="rebuilding")
