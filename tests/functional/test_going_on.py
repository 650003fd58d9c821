"""A newer notification, or the engine after a crash, goes on with what an earlier try has begun."""

from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite.models import JsonDict, Step
from masakari_lite.simulator import Fault, Server
from tests.functional.harness import HOST, Site
from tests.functional.test_restart import evacuate, leave, lock
from tests.functional.test_retries import wait_for

PAUSED = {"vm_state": "paused", "power_state": 3}
IMPATIENT = {"wait_period_after_evacuation": 1, "host_failure__evacuation_retry_interval": 600}


def _give_up_waiting(site: Site) -> JsonDict:
    """Recover a host whose evacuations take longer than is waited for."""
    first = site.recover()
    assert first["status"] == "error"
    assert "not within 1 s" in first["message"]
    site.conf.set_override("wait_period_after_evacuation", 30)
    return first


def test_what_arrived_too_late_gets_its_state_by_the_next_notification(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(cloud={"evacuation_latency": 2}, **IMPATIENT)
    (paused,) = site.add(1, **PAUSED)
    first = _give_up_waiting(site)
    site.until(lambda: paused.host != HOST and not paused.task_state)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(paused, vm_state="stopped")
    superseded = site.engine.api.get_notification(first["notification_uuid"])
    assert superseded["status"] == "failed"
    assert f"notification {second['notification_uuid']} goes on with them" in superseded["message"]
    assert "tried again" not in superseded["message"]


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
    uuid = site.engine.notify()["notification_uuid"]
    ended = wait_for(site, uuid, "failed")
    assert "its scheduler has not chosen a host" in ended["message"]
    assert not site.simulator.requests.count("server.evacuate")
    assert not server.locked


def _accept_and_forget(site: Site, server: Server) -> None:
    site.cloud.plant_migration(server, migration_type="evacuation", status="accepted")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state="rebuilding")
