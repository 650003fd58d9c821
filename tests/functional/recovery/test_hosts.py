"""Several hosts and several notifications: who is recovered when."""

import dataclasses
import logging
import sqlite3
import uuid
from collections.abc import Callable

import pytest

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.engine.admission import Admission
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus, Step
from masakari_lite_simulator import Fault
from tests.functional.recovery.test_restart import leave as leave_begun
from tests.functional.recovery.test_restart import lock
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site

OTHER = "compute-2"
ONLINE = {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "ONLINE"}


def leave(journal: Journal, age: float = 0, **changes: object) -> Notification:
    """Leave a notification in the journal, as an engine that died right after writing it."""
    raw = build_notification(notification_uuid=str(uuid.uuid4()), **changes)
    left = journal.notifications.add(validation.parse_notification(raw))
    came = journal.clock.in_seconds(-age)
    journal.notifications.update(left, created_at=came)
    return dataclasses.replace(left, created_at=came)


def test_two_hosts_are_recovered_at_once(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 600})
    servers = site.add(3)
    others = [site.cloud.add_server(OTHER) for _ in range(3)]
    for host in (HOST, OTHER):
        site.cloud.fail_host(host)
    uuids = [site.engine.notify(host)["notification_uuid"] for host in (HOST, OTHER)]
    # none of them ends until the cloud's clock leaps
    site.until(lambda: sum(record.is_running for record in site.cloud.migrations) == 6)
    site.clock.leap(600)
    assert [site.engine.wait(one)["message"] for one in uuids] == ["3 succeeded"] * 2
    site.assert_evacuated_once(*servers)
    assert {server.host for server in others} <= {"compute-3", "compute-4"}
    site.assert_safe()


def test_the_trouble_of_one_host_does_not_block_another(build_site: Callable[..., Site]) -> None:
    """One waits for Nova to see it down, one for an evacuation without end; RPC is answered all the while."""
    site = build_site(cloud={"evacuation_latency": 0.2}, wait_period_after_service_update=60)
    site.cloud.add_server(OTHER)
    (server,) = site.add(1)
    waiting = site.engine.notify("compute-4")["notification_uuid"]  # is alive
    stuck = site.cloud.add_server(OTHER)
    site.cloud.fail_host(OTHER)
    site.simulator.faults.add("server.lock", Fault(status=503, uuid=stuck.uuid))
    blocked = site.engine.notify(OTHER)["notification_uuid"]
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(server)
    running = site.engine.api.list_notifications(status="running")
    assert {found["notification_uuid"] for found in running} == {waiting, blocked}
    site.cloud.hosts["compute-4"].alive = False
    assert site.engine.wait(waiting)["status"] == "finished"
    site.simulator.faults.clear()
    assert site.engine.wait(blocked)["message"] == "2 succeeded"


def test_another_notification_of_a_host_waits_its_turn(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3})
    servers = site.add(2)
    site.cloud.fail_host(HOST)
    first = site.engine.notify()["notification_uuid"]
    second = site.engine.notify(payload=ONLINE)["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    assert site.engine.api.get_notification(second)["status"] == "new"
    late = site.add(1)
    ended = site.engine.wait(second)
    assert site.engine.api.get_notification(first)["message"] == "2 succeeded"
    assert ended["message"] == "1 succeeded"
    site.assert_evacuated_once(*servers, *late)


def test_what_an_engine_left_new_is_taken_up_at_start(site: Site) -> None:
    (server,) = site.add(1)
    with site.journal() as journal:
        notification = leave(journal)
    site.cloud.fail_host(HOST)
    assert site.engine.wait(notification.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_what_another_engine_leaves_is_taken_up_by_the_periodic_look(build_site: Callable[..., Site]) -> None:
    site = build_site(process_unfinished_notifications_interval=1, retry_notification_new_status_interval=0)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    notification = leave(site.engine.service._journal)
    assert site.engine.wait(notification.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_the_periodic_look_leaves_what_is_new_to_who_wrote_it(build_site: Callable[..., Site]) -> None:
    site = build_site(process_unfinished_notifications_interval=1, retry_notification_new_status_interval=600)
    dispatcher = site.engine.service._dispatcher
    site.until(lambda: not dispatcher._woken.is_set())
    notification = leave(site.engine.service._journal)
    polled_at = dispatcher.polled_at
    site.until(lambda: dispatcher.polled_at > polled_at)
    assert site.engine.api.get_notification(notification.notification_uuid)["status"] == "new"


def test_expired_notifications_end_as_failed_at_start(build_site: Callable[..., Site]) -> None:
    site = build_site(notifications_expired_interval=100)
    (server,) = site.add(1)
    with site.journal() as journal:
        expired = leave(journal, age=101)
        fresh = leave(journal, age=50, payload=ONLINE)
    site.cloud.fail_host(HOST)
    ended = site.engine.wait(expired.notification_uuid)
    assert ended["status"] == "failed"
    assert ended["message"].startswith("expired: it came more than 100 s ago (notifications_expired_int")
    assert site.engine.wait(fresh.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_expired_notifications_end_as_failed_by_the_periodic_look(build_site: Callable[..., Site]) -> None:
    site = build_site(notifications_expired_interval=100, check_expired_notifications_interval=1)
    site.add(1)
    site.cloud.fail_host(HOST)
    dispatcher = site.engine.service._dispatcher
    polled_at = dispatcher.polled_at
    site.until(lambda: dispatcher.polled_at > polled_at or not dispatcher._woken.is_set())
    expired = leave(site.engine.service._journal, age=101)
    assert site.engine.wait(expired.notification_uuid)["status"] == "failed"
    assert not site.cloud.migrations


def test_a_running_notification_does_not_expire(build_site: Callable[..., Site]) -> None:
    site = build_site(notifications_expired_interval=100)
    (server,) = site.add(1)
    with site.journal() as journal:
        old = leave(journal, age=9999)
        journal.notifications.update(old, status=NotificationStatus.RUNNING)
    site.cloud.fail_host(HOST)
    site.cloud.hosts[HOST].updated -= 9999
    assert site.engine.wait(old.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_recovery_that_a_check_holds_begins_when_it_no_longer_does(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    site.add(1)
    site.cloud.fail_host(HOST)
    caplog.set_level(logging.INFO)
    objections = ["half of the hosts are down"]
    site.engine.service._dispatcher._admission = Admission([lambda _notification: "; ".join(objections)])
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: f"Recovery of host {HOST} held: half of the hosts are down" in caplog.text)
    assert site.engine.api.get_notification(uuid)["status"] == "new"
    assert not site.cloud.migrations
    objections.clear()
    assert site.engine.wait(uuid)["message"] == "1 succeeded"


def test_what_was_begun_is_resumed_whatever_a_check_says(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        uuid = leave_begun(journal, server, step=Step.LOCK, locked_by_us=True)
    lock(site, server, uuid)
    monkeypatch.setattr(Admission, "find_objection", lambda *_arguments: "held")
    assert site.engine.wait(uuid)["message"] == "1 succeeded"
    assert not server.locked


def test_a_journal_that_cannot_be_written_stops_nothing_for_good(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    """While the disk is full nothing is begun; when there is room again the recovery goes on by itself."""
    site = build_site(process_unfinished_notifications_interval=1, cloud={"evacuation_latency": 0.3})
    servers = site.add(4)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    with sqlite3.connect(f"{site.conf.state_path}/masakari.sqlite") as journal:
        for table in ("notifications", "vmoves"):
            journal.execute(
                f"CREATE TRIGGER full_{table} BEFORE UPDATE ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
    site.until(
        lambda: "resumed when the journal" in caplog.text and "No recovery can be started" in caplog.text
    )
    assert "the disk is full" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("taskflow")]
    assert not any(server.locked for server in servers)
    with sqlite3.connect(f"{site.conf.state_path}/masakari.sqlite") as journal:
        for table in ("notifications", "vmoves"):
            journal.execute(f"DROP TRIGGER full_{table}")
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"]) == ("finished", "4 succeeded")
    site.assert_evacuated_once(*servers)
    journal.close()


def test_a_journal_that_cannot_be_read_is_looked_at_again(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = build_site(process_unfinished_notifications_interval=1)
    path = f"{site.conf.state_path}/masakari.sqlite"
    assert site.engine
    with sqlite3.connect(path) as journal:
        journal.execute("ALTER TABLE notifications RENAME TO elsewhere")
    site.until(lambda: "cannot be used" in caplog.text)
    with pytest.raises(Exception, match="cannot be used"):
        site.engine.notify()
    with sqlite3.connect(path) as journal:
        journal.execute("ALTER TABLE elsewhere RENAME TO notifications")
    journal.close()
    assert site.recover()["status"] == "finished"


def test_after_sigterm_nothing_is_taken_up(site: Site) -> None:
    engine = site.engine
    site.until(lambda: engine.service._is_serving)
    engine.service._dispatcher.stop(0)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    uuid = engine.notify()["notification_uuid"]
    assert engine.api.get_notification(uuid)["status"] == "new"
    site.stop()
    assert site.engine.wait(uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_an_engine_outside_its_command_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the monkey-patching of the command all instances would move one after the other."""
    monkeypatch.setattr("masakari_lite.concurrency.is_patched", lambda: False)
    with pytest.raises(exceptions.ConfigurationError, match="masakari-lite-engine"):
        assert site.engine
