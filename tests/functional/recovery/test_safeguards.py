"""What keeps a rare coincidence from doing harm."""

import datetime
from collections.abc import Callable

from oslo_utils import timeutils

from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus, NotificationType, Step, VMove, VMoveStatus
from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST
from tests.harness.site import Site

UUID = "6a1b46b9-3f5c-4a53-9a3e-6f0d3b1a7f10"
PAYLOAD = {"event": "STOPPED", "host_status": "NORMAL"}


def write_left_notification(journal: Journal, age: float) -> Notification:
    """Write what an engine leaves that died when it had just begun, ``age`` seconds ago."""
    then = timeutils.utcnow() - datetime.timedelta(seconds=age)
    kind = NotificationType.COMPUTE_HOST
    left = Notification(UUID, kind, HOST, then, PAYLOAD, NotificationStatus.RUNNING, 1)
    journal.notifications.add(left)
    journal.notifications.update(left, created_at=then)
    return left


def test_a_host_that_was_repaired_meanwhile_is_not_forced_down(build_site: Callable[..., Site]) -> None:
    """The engine was away for hours; the host is up again, and nobody fences it now."""
    site = build_site(host_failure__force_down=True, wait_period_after_service_update=1)
    (server,) = site.add(1)
    with site.journal() as journal:
        write_left_notification(journal, age=7200)
    ended = site.engine.wait(UUID)
    assert ended["status"] == "error"
    assert "still reports the compute service" in ended["message"]
    assert not site.cloud.hosts[HOST].forced_down
    assert not site.evacuations(server)


def test_a_lock_that_is_refused_is_not_taken_off(site: Site) -> None:
    """It would be refused for ever, and its green thread would never end."""
    (server,) = site.add(1)
    site.simulator.faults.add("server.lock", Fault(status=403))
    unlock = site.simulator.faults.add("server.unlock", Fault(status=403))
    ended = site.recover()
    assert site.vmove(ended, server)["status"] == "failed"
    assert "HTTP 403" in site.vmove(ended, server)["message"]
    assert not unlock.hits


def test_the_outcome_of_a_move_is_written_before_its_unlocking(site: Site) -> None:
    """An engine that died after the unlocking leaves alone what the owner has done since."""
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        left = write_left_notification(journal, age=10)
        vmove = VMove(UUID, server.uuid, server.name, HOST, "active", 1, locked_by_us=True)
        journal.vmoves.add(left, [vmove])
        journal.vmoves.update(
            left, vmove, status=VMoveStatus.SUCCEEDED, step=Step.UNLOCK, message="evacuated"
        )
    site.cloud.update(server, host="compute-2", vm_state="stopped", power_state=4)
    assert site.engine.wait(UUID)["status"] == "finished"
    assert server.vm_state == "stopped"
    assert not site.evacuations(server)
    assert site.simulator.requests.count("server.unlock") == 1


def test_an_outage_does_not_count_as_time_in_which_nothing_happened(build_site: Callable[..., Site]) -> None:
    """Nova is away for longer than an evacuation may take; none is called too slow for that."""
    site = build_site(cloud={"evacuation_latency": 600}, wait_period_after_evacuation=2)
    servers = site.add(2)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: len(site.cloud.migrations) == 2)
    away = site.simulator.faults.add("*", Fault(status=503, times=60))
    site.until(lambda: away.hits >= 60, limit=30)
    site.clock.leap(601)
    assert site.engine.wait(uuid)["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)
