"""An engine that stopped in the midst, and the next one, which goes on as if it had not."""

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from oslo_utils import timeutils

from masakari_lite.engine import validation
from masakari_lite.journal.store import Journal
from masakari_lite.models import NotificationStatus, Step, VMove, VMoveStatus
from masakari_lite_simulator import Fault, Server, evacuation
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site


def test_a_drain_begins_nothing_new_and_finishes_what_is_in_flight(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3})
    servers = site.add(8)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: len(site.cloud.migrations) == 3)
    site.stop()
    assert [record.status for record in site.cloud.migrations] == ["done"] * 3
    assert not any(server.locked for server in servers)
    with site.journal() as journal:
        assert journal.notifications.get(uuid).status is NotificationStatus.RUNNING
        statuses = [vmove.status for vmove in journal.vmoves.list_of(uuid)]
        assert sorted(statuses) == [VMoveStatus.PENDING] * 5 + [VMoveStatus.SUCCEEDED] * 3
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"], ended["attempts"]) == ("finished", "8 succeeded", 1)
    site.assert_evacuated_once(*servers)


def test_a_drain_while_the_host_is_still_up_leaves_it_to_the_next(build_site: Callable[..., Site]) -> None:
    site = build_site()
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.simulator.requests.count("service.list") >= 3)
    site.stop()
    with site.journal() as journal:
        assert journal.notifications.get(uuid).status is NotificationStatus.RUNNING
    site.cloud.fail_host(HOST)
    assert site.engine.wait(uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_drain_while_nova_is_away_leaves_it_to_the_next(build_site: Callable[..., Site]) -> None:
    site = build_site()
    servers = site.add(2)
    fault = site.simulator.faults.add("server.lock", Fault(status=503))
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: fault.hits >= 4)
    site.stop()
    site.simulator.faults.clear()
    ended = site.engine.wait(uuid)
    assert ended["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)


def test_a_drain_while_nova_is_away_from_the_beginning_leaves_it_to_the_next(site: Site) -> None:
    """It has not failed: it goes on at once, and not when a further try would be due."""
    (server,) = site.add(1)
    fault = site.simulator.faults.add("service.list", Fault(status=503))
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: fault.hits >= 3)
    site.stop()
    with site.journal() as journal:
        assert journal.notifications.get(uuid).status is NotificationStatus.RUNNING
    site.simulator.faults.clear()
    ended = site.engine.wait(uuid)
    assert (ended["message"], ended["attempts"]) == ("1 succeeded", 1)
    site.assert_evacuated_once(server)


def test_a_drain_before_the_unlock_holds_leaves_it_to_the_next(site: Site) -> None:
    """A notification is not final while a lock of ours may be on an instance."""
    servers = site.add(2)
    fault = site.simulator.faults.add("server.unlock", Fault(status=503))
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: fault.hits >= 4)
    site.stop()
    assert all(server.locked for server in servers)
    site.simulator.faults.clear()
    ended = site.engine.wait(uuid)
    assert ended["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)


# what a crash can leave behind: the journal says what may have happened, Nova what did


def leave(journal: Journal, server: Server, **changes: Any) -> str:
    """Leave a running notification with one move, as an engine that was killed does."""
    notification = validation.parse_notification(build_notification(notification_uuid=str(uuid.uuid4())))
    running = dataclasses.replace(notification, status=NotificationStatus.RUNNING, attempts=1)
    journal.notifications.add(running)
    values: dict[str, Any] = {
        "vm_state": server.vm_state,
        "power_state": server.power_state,
        "status": VMoveStatus.ONGOING,
        "attempts": 1,
        "start_time": timeutils.utcnow(),
    }
    journal.vmoves.add(
        running,
        [
            VMove(
                notification_uuid=running.notification_uuid,
                instance_uuid=server.uuid,
                instance_name=server.name,
                source_host=HOST,
                **(values | changes),
            )
        ],
    )
    return running.notification_uuid


def lock(site: Site, server: Server, notification_uuid: str, microversion: str = "2.96") -> None:
    reason = f"masakari-lite: evacuation by notification {notification_uuid}"
    with site.cloud.up_to_date():
        site.cloud.update(server, locked_by="admin", locked_reason=reason if microversion >= "2.73" else None)


def evacuate(site: Site, server: Server) -> None:
    site.until(lambda: not site.cloud.is_up(site.cloud.hosts[HOST]))
    with site.cloud.up_to_date():
        evacuation.evacuate(site.cloud, server, None, stop_after=False)


@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
@pytest.mark.parametrize(
    ("step", "is_locked", "progress"),
    [
        (Step.LOCK, False, "not sent"),
        (Step.LOCK, True, "not sent"),
        (Step.EVACUATE, True, "not sent"),
        (Step.EVACUATE, True, "under way"),
        (Step.EVACUATE, True, "done"),
        (Step.UNLOCK, True, "done"),
        (Step.UNLOCK, False, "done"),
    ],
)
def test_a_crash_at_any_step_leaves_no_trace(
    build_site: Callable[..., Site], microversion: str, step: Step, is_locked: bool, progress: str
) -> None:
    site = build_site(
        cloud={"max_microversion": microversion, "evacuation_latency": 0.3}, wait_period_after_evacuation=1
    )
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        # the final status is written with the last step
        status = VMoveStatus.SUCCEEDED if step is Step.UNLOCK else VMoveStatus.ONGOING
        notification = leave(journal, server, step=step, status=status, locked_by_us=True)
    if is_locked:
        lock(site, server, notification, microversion)
    if progress != "not sent":
        evacuate(site, server)
    if progress == "done":
        site.until(lambda: site.evacuations(server)[0].status == "done")
    assert site.engine.wait(notification)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)
    assert not server.locked


def test_a_crash_after_the_reset_of_a_paused_instance_leaves_no_trace(site: Site) -> None:
    (server,) = site.add(1, vm_state="paused")
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.RESET_STATE, locked_by_us=True)
    lock(site, server, notification)
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error")
    ended = site.engine.wait(notification)
    assert site.vmove(ended, server)["message"].endswith("stopped there: it was paused")
    site.assert_evacuated_once(server, vm_state="stopped")


@pytest.mark.parametrize(
    ("state", "now"),
    [
        ({"vm_state": "error", "power_state": 4}, {"vm_state": "stopped", "power_state": 4}),
        ({"vm_state": "error", "power_state": 4}, {"vm_state": "error", "power_state": 4}),
        ({"vm_state": "error", "power_state": 1}, {"vm_state": "error", "power_state": 1}),
        ({"vm_state": "paused"}, {"vm_state": "stopped", "power_state": 4}),
        ({"vm_state": "paused"}, {"vm_state": "active", "power_state": 1}),
    ],
)
def test_a_crash_while_the_state_is_restored_leaves_no_trace(
    site: Site, state: dict[str, Any], now: dict[str, Any]
) -> None:
    (server,) = site.add(1, **state)
    end = "error" if state["vm_state"] == "error" else "stopped"
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.RESTORE, locked_by_us=True)
    lock(site, server, notification)
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error")
    evacuate(site, server)
    site.until(lambda: site.evacuations(server)[0].status == "done")
    with site.cloud.up_to_date():
        site.cloud.update(server, **now)
    assert site.engine.wait(notification)["message"] == "1 succeeded"
    site.assert_evacuated_once(server, vm_state=end)
    assert server.power_state == now["power_state"] or now["vm_state"] == "active"


def test_a_crash_before_an_end_is_noted_leaves_no_trace(site: Site) -> None:
    """All moves had ended, only the notification had not."""
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.DONE, status=VMoveStatus.FAILED, message="no host")
    ended = site.engine.wait(notification)
    assert (ended["status"], ended["message"]) == ("failed", f"1 failed; {server.uuid}: no host")
    assert not site.evacuations(server)


def test_a_crash_before_the_evacuation_failed_leaves_the_failure(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.no_valid_host(server.uuid)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.EVACUATE, locked_by_us=True)
    lock(site, server, notification)
    evacuate(site, server)
    site.until(lambda: site.evacuations(server)[0].status == "error")
    ended = site.engine.wait(notification)
    assert "No valid host was found" in ended["message"]
    assert len(site.evacuations(server)) == 1
    assert not server.locked


def test_a_lock_from_a_notification_that_was_given_up_is_cleared(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        old = leave(journal, server, step=Step.LOCK, locked_by_us=True)
        journal.notifications.give_up(journal.notifications.get(old), "expired", "expired")
    lock(site, server, old)
    assert site.engine.recover()["status"] == "finished"
    site.assert_evacuated_once(server)
    assert not server.locked


def test_an_instance_deleted_between_two_engines_is_ignored(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.LOCK, locked_by_us=True)
    with site.cloud.up_to_date():
        site.cloud.destroy(server)
    ended = site.engine.wait(notification)
    assert (ended["status"], ended["message"]) == ("finished", "1 ignored")


def test_an_evacuation_that_arrives_while_the_next_engine_starts_is_its_own(site: Site) -> None:
    """Sent just before the crash, it was carried out between the new engine's two first questions."""
    (server,) = site.add(1, task_state="powering-off")
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(
            journal, server, task_state="powering-off", step=Step.EVACUATE, locked_by_us=True
        )
    lock(site, server, notification)
    site.simulator.faults.add("server.list", Fault(delay=0.5, times=1))
    api = site.engine.api
    site.until(lambda: site.simulator.requests.count("migration.list"))
    evacuate(site, server)
    ended = site.engine.wait(notification)
    (move,) = api.list_vmoves(ended["notification_uuid"])
    assert (move["status"], move["message"][:12]) == ("succeeded", "evacuated to")
    site.assert_evacuated_once(server, vm_state="stopped")


@pytest.mark.parametrize("is_locked", [True, False])
def test_a_second_crash_finds_what_the_first_may_have_sent(
    build_site: Callable[..., Site], is_locked: bool
) -> None:
    """While an evacuation may still come, every engine that takes the move up must wait for it."""
    site = build_site(wait_period_after_evacuation=2)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        notification = leave(journal, server, step=Step.EVACUATE, locked_by_us=True)
    if is_locked:
        lock(site, server, notification)
    api = site.engine.api
    site.until(lambda: site.simulator.requests.count("migration.list") >= 5)
    (move,) = api.list_vmoves(notification)
    assert (move["step"], move["locked_by_us"]) == ("evacuate", True)
    evacuate(site, server)
    assert site.engine.wait(notification)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)
