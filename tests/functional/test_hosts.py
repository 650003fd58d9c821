"""Several hosts and several notifications: who is recovered when."""

import datetime
import sqlite3
import uuid
from collections.abc import Callable

import pytest
from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus
from masakari_lite.simulator import Fault
from tests.functional.harness import HOST, Site, build_notification

OTHER = "compute-2"
ONLINE = {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "ONLINE"}


def leave(journal: Journal, age: float = 0, **changes: object) -> Notification:
    """Leave a notification in the journal, as an engine that died right after writing it."""
    raw = build_notification(notification_uuid=str(uuid.uuid4()), **changes)
    raw["generated_time"] = (timeutils.utcnow() - datetime.timedelta(seconds=age)).isoformat()
    return journal.add_notification(validation.parse_notification(raw))


def test_two_hosts_are_recovered_at_once(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3})
    servers = site.add(3)
    others = [site.cloud.add_server(OTHER) for _ in range(3)]
    for host in (HOST, OTHER):
        site.cloud.fail_host(host)
    uuids = [site.engine.notify(host)["notification_uuid"] for host in (HOST, OTHER)]
    assert [site.engine.wait(one)["message"] for one in uuids] == ["3 succeeded"] * 2
    first, second = [
        [record for record in site.cloud.migrations if record.source_compute == host]
        for host in (HOST, OTHER)
    ]
    assert min(record.accepted for record in second) < max(record.ended or 0 for record in first)
    assert min(record.accepted for record in first) < max(record.ended or 0 for record in second)
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
    assert site.engine.wait(waiting, limit=5)["status"] == "finished"
    site.simulator.faults.clear()
    assert site.engine.wait(blocked, limit=5)["message"] == "2 succeeded"


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
    assert site.engine.wait(notification.notification_uuid, limit=5)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_the_periodic_look_leaves_what_is_new_to_who_wrote_it(build_site: Callable[..., Site]) -> None:
    site = build_site(process_unfinished_notifications_interval=1, retry_notification_new_status_interval=600)
    dispatcher = site.engine.service._dispatcher
    site.until(lambda: not dispatcher._woken.is_set())
    notification = leave(site.engine.service._journal)
    looked_at = dispatcher.looked_at
    site.until(lambda: dispatcher.looked_at > looked_at)
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
    assert ended["message"].startswith("expired: it is older than 100 s (notifications_expired_interval)")
    assert site.engine.wait(fresh.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


def test_expired_notifications_end_as_failed_by_the_periodic_look(build_site: Callable[..., Site]) -> None:
    site = build_site(notifications_expired_interval=100, check_expired_notifications_interval=1)
    site.add(1)
    site.cloud.fail_host(HOST)
    generated = (timeutils.utcnow() - datetime.timedelta(seconds=101)).isoformat()
    ended = site.engine.recover(generated_time=generated)
    assert ended["status"] == "failed"
    assert not site.cloud.migrations


def test_a_running_notification_does_not_expire(build_site: Callable[..., Site]) -> None:
    site = build_site(notifications_expired_interval=100)
    (server,) = site.add(1)
    with site.journal() as journal:
        old = leave(journal, age=9999)
        journal.update_notification(old, status=NotificationStatus.RUNNING)
    site.cloud.fail_host(HOST)
    assert site.engine.wait(old.notification_uuid)["status"] == "finished"
    site.assert_evacuated_once(server)


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
    site.until(lambda: "left for the next look" in caplog.text and "No recovery is begun" in caplog.text)
    assert "the disk is full" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("taskflow")]
    assert not any(server.locked for server in servers)
    with sqlite3.connect(f"{site.conf.state_path}/masakari.sqlite") as journal:
        for table in ("notifications", "vmoves"):
            journal.execute(f"DROP TRIGGER full_{table}")
    ended = site.engine.wait(uuid, limit=10)
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
