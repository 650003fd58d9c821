"""Locks that a crash has left are taken off although nobody goes on with their recovery."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from oslo_utils import timeutils

from masakari_lite.engine.janitor import Janitor
from masakari_lite.models import Notification, NotificationStatus, NotificationType, Step, VMove, VMoveStatus
from masakari_lite.simulator import Fault, Server
from tests.functional.harness import HOST, Site

STATUSES = [NotificationStatus.FAILED, NotificationStatus.FINISHED, NotificationStatus.ERROR]


def lock(site: Site, server: Server, notification_uuid: str, **changes: Any) -> None:
    reason = f"masakari-lite: evacuation by notification {notification_uuid}"
    with site.cloud.up_to_date():
        site.cloud.update(server, **({"locked_by": "admin", "locked_reason": reason} | changes))


def leave(site: Site, server: Server, status: NotificationStatus) -> str:
    """Leave a notification that has ended, with a move that has its lock still."""
    found = Notification(
        str(uuid.uuid4()), NotificationType.COMPUTE_HOST, HOST, timeutils.utcnow(), {}, status
    )
    vmove = VMove(
        found.notification_uuid,
        server.uuid,
        server.name,
        HOST,
        "active",
        1,
        locked_by_us=True,
        status=VMoveStatus.SUCCEEDED,
        step=Step.UNLOCK,
    )
    with site.journal() as journal:
        journal.add_notification(found)
        journal.add_vmoves(found, [vmove])
    return found.notification_uuid


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_of_a_notification_that_has_ended(
    build_site: Callable[..., Site], status: NotificationStatus, microversion: str
) -> None:
    site = build_site(cloud={"max_microversion": microversion})
    (server,) = site.add(1)
    notification_uuid = leave(site, server, status)
    lock(site, server, notification_uuid, **({"locked_reason": None} if microversion == "2.60" else {}))
    with site.cloud.up_to_date():
        site.cloud.update(server, host="compute-3")
    assert site.engine
    site.until(lambda: not server.locked)
    (move,) = site.until(
        lambda: [
            found for found in site.engine.api.list_vmoves(notification_uuid) if not found["locked_by_us"]
        ]
    )
    assert (move["status"], move["step"]) == ("succeeded", "done")


def test_somebody_elses_stay(site: Site) -> None:
    mine, admins, owners = site.add(3)
    notification_uuid = leave(site, admins, NotificationStatus.FAILED)
    lock(site, mine, leave(site, mine, NotificationStatus.FAILED))
    lock(site, admins, notification_uuid, locked_reason="for audit")
    lock(site, owners, "", locked_by="owner", locked_reason="mine")
    assert site.engine
    site.until(lambda: not mine.locked)
    site.until(lambda: not site.engine.api.list_vmoves(notification_uuid)[0]["locked_by_us"])
    assert site.has(admins, locked_by="admin", locked_reason="for audit")
    assert site.has(owners, locked_by="owner", locked_reason="mine")


def test_one_that_the_journal_does_not_know_is_taken_off_when_it_is_old(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    (server,) = site.add(1)
    lock(site, server, str(uuid.uuid4()))
    with monkeypatch.context() as patch:
        patch.setattr(Janitor, "_longest_move", lambda _: 3600.0)
        seen = site.engine.service._janitor._first_seen
        site.until(lambda: seen or site.engine.service._janitor._first_seen)
        assert server.locked
        patch.setattr(Janitor, "_longest_move", lambda _: 0.5)
        site.until(lambda: not server.locked)


def test_one_of_a_recovery_that_runs_is_left_to_it(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5})
    servers = site.add(3)
    site.cloud.fail_host(HOST)
    notification_uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    site.engine.service._janitor.clean_up()
    assert any(server.locked for server in servers)
    assert site.engine.wait(notification_uuid)["message"] == "3 succeeded"
    site.assert_evacuated_once(*servers)


def test_one_of_another_notification_is_not_taken_for_its_own(site: Site) -> None:
    """A leftover row of compute-1, and the instance is on its way off another host by now."""
    (server,) = site.add(1)
    notification_uuid = leave(site, server, NotificationStatus.FAILED)
    lock(site, server, str(uuid.uuid4()))
    assert site.engine
    site.until(lambda: not site.engine.api.list_vmoves(notification_uuid)[0]["locked_by_us"])
    assert server.locked


def test_one_that_cannot_be_taken_off_keeps_no_other(build_site: Callable[..., Site]) -> None:
    site = build_site(process_unfinished_notifications_interval=1, nova__retry_period=0)
    stuck, free = site.add(2)
    for server in (stuck, free):
        lock(site, server, leave(site, server, NotificationStatus.FAILED))
    site.simulator.faults.add("server.unlock", Fault(status=500, uuid=stuck.uuid))
    assert site.engine
    site.until(lambda: not free.locked)
    assert stuck.locked
    site.cloud.fail_host(HOST)  # and its host can be recovered
    notification = site.engine.notify()
    site.until(lambda: free.host != HOST and site.vmove(notification, free)["status"] == "succeeded")
    site.simulator.faults.clear()
    assert site.engine.wait(notification["notification_uuid"])["message"] == "2 succeeded"


def test_a_lock_that_another_recovery_left_is_taken_over(site: Site) -> None:
    (server,) = site.add(1)
    old = str(uuid.uuid4())
    lock(site, server, old)
    site.cloud.fail_host(HOST)
    new = site.engine.notify()["notification_uuid"]
    site.until(lambda: new in (server.locked_reason or ""))
    assert site.engine.wait(new)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)
