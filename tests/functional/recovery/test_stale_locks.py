"""Locks that a crash has left are removed although nobody resumes their recovery; no other lock is."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from oslo_utils import timeutils

from masakari_lite.engine.stale_locks import StaleLocks
from masakari_lite.models import Notification, NotificationStatus, NotificationType, Step, VMove, VMoveStatus
from masakari_lite_simulator import Fault, Server
from tests.harness.monitor import HOST
from tests.harness.site import Site

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
        journal.notifications.add(found)
        journal.vmoves.add(found, [vmove])
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


def test_a_lock_that_names_us_and_is_not_in_the_journal_is_left_and_logged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be of another journal's engine, or the owner has written the reason."""
    unknown, copied, odd, ours = site.add(4)
    notification_uuid = leave(site, ours, NotificationStatus.FINISHED)
    lock(site, ours, notification_uuid)
    lock(site, unknown, str(uuid.uuid4()))
    lock(site, copied, notification_uuid, locked_by="owner")
    lock(site, odd, "", locked_by="owner", locked_reason="masakari-lite:\x00\n\ud800")
    assert site.engine
    site.until(lambda: not ours.locked)
    site.until(lambda: caplog.text.count("this journal has no such lock") == 3)
    for server in (unknown, copied, odd):
        assert f"openstack server unlock {server.uuid}" in caplog.text
        assert server.locked


@pytest.mark.parametrize("status", [NotificationStatus.FINISHED, NotificationStatus.ERROR])
def test_a_recovery_leaves_a_lock_that_its_owner_has_written_in_our_name(
    site: Site, status: NotificationStatus, caplog: pytest.LogCaptureFixture
) -> None:
    """Even one that repeats the reason of an earlier recovery of the same instance."""
    forged, repeated = site.add(2)
    notification_uuid = leave(site, repeated, status)
    with site.journal() as journal:
        found = journal.notifications.get(notification_uuid)
        (vmove,) = journal.vmoves.list_of(notification_uuid)
        journal.vmoves.update(found, vmove, locked_by_us=False, step=Step.DONE)
    for server, named in ((forged, str(uuid.uuid4())), (repeated, notification_uuid)):
        lock(site, server, named, locked_by="owner")
    reasons = [forged.locked_reason, repeated.locked_reason]
    assert site.recover()["message"] == "2 succeeded"
    assert [forged.locked_by, repeated.locked_by] == ["owner"] * 2
    assert [forged.locked_reason, repeated.locked_reason] == reasons
    assert not site.simulator.requests.count("server.lock")
    assert not site.simulator.requests.count("server.unlock")
    assert caplog.text.count("it is left as it is") >= 2


def test_the_locked_instances_of_the_cloud_are_listed_once(build_site: Callable[..., Site]) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    (server,) = site.add(1)
    assert site.engine
    leftovers = site.engine.service._stale_locks
    site.until(lambda: leftovers._has_listed)
    site.simulator.requests.clear()
    for _ in range(5):
        leftovers.clean_up()
    assert not site.simulator.requests.by_kind("masakari")
    assert not server.locked


def test_one_of_a_recovery_that_runs_is_left_to_it(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5})
    servers = site.add(3)
    site.cloud.fail_host(HOST)
    notification_uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    site.engine.service._stale_locks.clean_up()
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


def test_a_lock_that_another_recovery_left_is_taken_over(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (server,) = site.add(1)
    monkeypatch.setattr(StaleLocks, "clean_up", lambda _: None)  # it would remove it
    lock(site, server, leave(site, server, NotificationStatus.FAILED))
    site.cloud.fail_host(HOST)
    new = site.engine.notify()["notification_uuid"]
    site.until(lambda: new in (server.locked_reason or ""))
    assert site.engine.wait(new)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)
