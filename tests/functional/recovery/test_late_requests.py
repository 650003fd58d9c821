"""Requests that Nova carries out late: when the engine no longer waits, or another one has resumed."""

from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite.models import NotificationStatus, Step
from masakari_lite_simulator import Fault, Server
from tests.functional.recovery.test_restart import leave, lock
from tests.harness.monitor import HOST
from tests.harness.site import Site

LATE = 4.0
# the engine sends again after one second without an answer, and checks once more a second later
QUICK = {"nova__late_request_period": 1, "process_unfinished_notifications_interval": 1}


@pytest.fixture
def site(build_site: Callable[..., Site]) -> Site:
    site = build_site(cloud={"evacuation_latency": 4}, wait_period_after_evacuation=30, **QUICK)
    site.conf.set_override("timeout", 1, "nova")
    return site


def be_late(site: Site, kind: str, server: Server) -> Fault:
    """Let Nova begin with one request only after a while."""
    return site.simulator.faults.add(kind, Fault(delay=LATE, times=1, uuid=server.uuid))


def vmove_of(site: Site, notification_uuid: str) -> dict[str, Any]:
    (vmove,) = site.engine.api.list_vmoves(notification_uuid)
    return vmove


def test_a_second_evacuation_that_came_late_is_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    (server,) = site.add(1)
    fault = be_late(site, "server.evacuate", server)
    ended = site.recover()
    assert fault.hits == 1
    records = site.evacuations(server)
    assert len(records) == 2
    assert (ended["status"], "retried" in ended["message"]) == ("failed", False)
    assert "Nova has evacuated it 2 times" in ended["message"]
    for record in records:
        assert f"record {record.id} to {record.dest_compute}" in ended["message"]
    assert not server.locked


def test_one_that_comes_after_the_end_is_refused_by_nova(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.1}, **QUICK)
    site.conf.set_override("timeout", 1, "nova")
    (server,) = site.add(1)
    be_late(site, "server.evacuate", server)
    ended = site.recover()
    assert ended["message"] == "1 succeeded"
    site.until(lambda: site.simulator.requests.count("server.evacuate") == 2)
    site.until(lambda: vmove_of(site, ended["notification_uuid"])["recheck_at"] is None)
    site.assert_evacuated_once(server)
    assert site.engine.api.get_notification(ended["notification_uuid"])["status"] == "finished"


def test_one_that_comes_between_the_end_and_the_check_is_told(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """What Nova refuses today it may have accepted before: the records are asked for, whatever they say."""
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        uuid = leave(journal, server, step=Step.EVACUATE, locked_by_us=True)
    lock(site, server, uuid)
    site.conf.set_override("late_request_period", 2, "nova")
    assert site.engine.wait(uuid)["status"] == "finished"
    with site.cloud.up_to_date():
        site.cloud.add_migration(
            server, migration_type="evacuation", status="done", source=HOST, dest="compute-3"
        )
    site.until(lambda: vmove_of(site, uuid)["recheck_at"] is None)
    assert vmove_of(site, uuid)["status"] == "failed"
    told = site.engine.api.get_notification(uuid)
    assert told["status"] == "failed"
    assert "Nova has evacuated it 2 times" in told["message"]
    assert "Nova has evacuated it 2 times" in caplog.text


@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_a_lock_that_came_late_is_removed(
    build_site: Callable[..., Site], microversion: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.1, "max_microversion": microversion}, **QUICK)
    site.conf.set_override("timeout", 1, "nova")
    (server,) = site.add(1)
    be_late(site, "server.lock", server)
    site.conf.set_override("late_request_period", 4, "nova")
    ended = site.recover()
    uuid = ended["notification_uuid"]
    assert ended["message"] == "1 succeeded"
    site.until(lambda: site.simulator.requests.count("server.lock") == 2)
    assert server.locked
    site.until(lambda: vmove_of(site, uuid)["recheck_at"] is None)
    site.assert_evacuated_once(server)
    # without a reason nothing tells it from anybody else's: an operator must decide
    assert server.locked == (microversion == "2.60")
    told = "is locked: unless somebody else has done it, a lock request was late" in caplog.text
    assert told == server.locked


def test_what_an_interrupted_vmove_may_have_sent_is_checked_once_more(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        uuid = leave(journal, server, step=Step.LOCK, locked_by_us=True)
    assert site.engine.wait(uuid)["status"] == NotificationStatus.FINISHED
    assert vmove_of(site, uuid)["recheck_at"]
    lock(site, server, uuid)  # the engine that died has asked for it
    site.until(lambda: vmove_of(site, uuid)["recheck_at"] is None)
    assert not server.locked
    site.assert_evacuated_once(server)


def test_what_was_answered_is_not_checked_again(site: Site) -> None:
    (server,) = site.add(1)
    ended = site.recover()
    assert vmove_of(site, ended["notification_uuid"])["recheck_at"] is None
    site.assert_evacuated_once(server)


def test_a_state_that_was_reset_late_is_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        uuid = leave(journal, server, step=Step.RESET_STATE, locked_by_us=True)
    lock(site, server, uuid)
    site.conf.set_override("late_request_period", 2, "nova")
    assert site.engine.wait(uuid)["status"] == "finished"
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error")
    site.until(lambda: vmove_of(site, uuid)["recheck_at"] is None)
    assert f"openstack server set --state active {server.uuid}" in caplog.text
