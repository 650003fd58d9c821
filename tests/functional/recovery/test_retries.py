"""What could not be brought back is tried again, with growing pauses, until it is back or given up."""

import datetime
from collections.abc import Callable
from typing import Any

from oslo_utils import timeutils

from masakari_lite.models import JsonDict, NotificationStatus, Step
from masakari_lite_simulator import Fault
from tests.functional.recovery.test_restart import leave, lock
from tests.harness.site import Site

QUICK = {"host_failure__evacuation_retry_interval": 0.2}
SLOW = {"host_failure__evacuation_retry_interval": 600}


def fill(site: Site) -> None:
    with site.cloud.up_to_date():
        for host in site.cloud.hosts.values():
            host.capacity = 0


def make_room(site: Site) -> None:
    with site.cloud.up_to_date():
        for host in site.cloud.hosts.values():
            host.capacity = None


def wait_for(site: Site, uuid: str, *statuses: str, attempts: int = 0) -> JsonDict:
    """Wait until a notification is in one of the states, after that many tries at least."""

    def ask() -> JsonDict | None:
        found: JsonDict = site.engine.api.get_notification(uuid)
        return found if found["status"] in statuses and found["attempts"] >= attempts else None

    return site.until(ask)


def test_when_there_is_room_it_comes_back_by_itself(build_site: Callable[..., Site]) -> None:
    site = build_site(**QUICK)
    active, stopped = site.add(1) + site.add(1, vm_state="stopped")
    fill(site)
    first = site.recover()
    assert first["status"] == "error"
    assert "2 failed; " in first["message"]
    assert "(waiting for room)" in first["message"]
    assert not active.locked
    make_room(site)
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert (ended["status"], ended["message"], ended["retry_at"]) == ("finished", "2 succeeded", None)
    move = site.vmove(ended, stopped)
    assert (move["status"], move["vm_state"], move["retry_at"]) == ("succeeded", "stopped", None)
    assert site.has(active, vm_state="active", locked=False)
    assert site.has(stopped, vm_state="stopped", locked=False)
    site.assert_safe()


def test_what_waits_for_its_next_try_holds_up_nobody(build_site: Callable[..., Site]) -> None:
    """Neither the same notification's further instances, though there is one thread, nor another host."""
    site = build_site(host_failure_recovery_threads=1, **SLOW)
    (failed,) = site.add(1, metadata={"HA_Enabled": "true"})  # its turn comes first
    (further,) = site.add(1)
    site.cloud.no_valid_host(failed.uuid)
    first = site.recover()
    assert first["status"] == "error"
    assert "1 succeeded, 1 failed; " in first["message"]
    assert [record.id for record in site.evacuations(failed)] < [
        record.id for record in site.evacuations(further)
    ]
    site.assert_evacuated_once(further)
    other = next(name for name in site.cloud.hosts if name not in (failed.host, further.host))
    elsewhere = site.cloud.add_server(other)
    assert site.recover(other)["message"] == "1 succeeded"
    assert [record.status for record in site.evacuations(elsewhere)] == ["done"]
    assert site.engine.api.get_notification(first["notification_uuid"]) == first
    move = site.vmove(first, failed)
    assert (move["status"], move["attempts"]) == ("failed", 1)
    assert datetime.datetime.fromisoformat(move["retry_at"]) > timeutils.utcnow()
    site.assert_safe()


def test_the_pauses_grow_and_the_last_try_gives_up(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuation_attempts=3, host_failure__evacuation_retry_interval=0.5)
    (server,) = site.add(1)
    fill(site)
    site.cloud.fail_host("compute-1")
    uuid = site.engine.notify()["notification_uuid"]
    pauses = []
    for attempt in (1, 2):
        found = wait_for(site, uuid, "error", attempts=attempt)
        move = site.vmove(found, server)
        assert move["attempts"] == attempt
        retry_at = datetime.datetime.fromisoformat(move["retry_at"])
        pauses.append((retry_at - datetime.datetime.fromisoformat(move["end_time"])).total_seconds())
    assert pauses[0] <= 0.5 < pauses[1] <= 1.0
    ended = wait_for(site, uuid, "failed", "finished")
    assert ended["status"] == "failed"
    assert ended["message"].startswith(f"1 failed; {server.uuid}: Nova found no host for it")
    assert ended["message"].endswith("(given up after 3 attempts, evacuation_attempts)")
    assert len(site.evacuations(server)) == 3
    site.assert_safe()


def test_what_came_back_is_not_touched_by_further_tries(build_site: Callable[..., Site]) -> None:
    site = build_site(**QUICK)
    back, left = site.add(2)
    site.cloud.no_valid_host(left.uuid)
    first = site.recover()
    assert (first["status"], site.vmove(first, back)["status"]) == ("error", "succeeded")
    with site.cloud.up_to_date():
        site.cloud.update(back, vm_state="stopped", power_state=4)  # its owner's affair by now
    wait_for(site, first["notification_uuid"], "error", attempts=2)
    assert site.has(back, vm_state="stopped")
    assert len(site.evacuations(back)) == 1


def test_an_evacuation_that_ended_after_its_time_is_adopted_by_the_next_try(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(
        cloud={"evacuation_latency": 1.5},
        wait_period_after_evacuation=1,
        host_failure__evacuation_retry_interval=1,
    )
    stopped, paused = site.add(1, vm_state="stopped") + site.add(1, vm_state="paused", power_state=3)
    first = site.recover()
    assert first["status"] == "error"
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["message"] == "2 succeeded"
    site.assert_evacuated_once(stopped, paused, vm_state="stopped")


def test_what_its_owner_did_between_two_tries_is_left(build_site: Callable[..., Site]) -> None:
    site = build_site(
        cloud={"evacuation_latency": 1.2},
        wait_period_after_evacuation=1,
        host_failure__evacuation_retry_interval=1.5,
    )
    (server,) = site.add(1)
    first = site.recover()
    site.until(lambda: site.has(server, host="compute-2") or server.host != "compute-1")
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="stopped", power_state=4)
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["status"] == "finished"
    assert site.has(server, vm_state="stopped")


def test_a_host_that_is_up_is_asked_for_again_and_then_given_up(build_site: Callable[..., Site]) -> None:
    site = build_site(wait_period_after_service_update=0, host_failure__evacuation_attempts=2, **QUICK)
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]
    found = wait_for(site, uuid, "error", "failed", attempts=1)
    assert "still reports the compute service" in found["message"]
    ended = wait_for(site, uuid, "failed")
    assert ended["attempts"] == 2
    assert not site.evacuations(server)


def test_tries_that_nobody_answered_do_not_count(build_site: Callable[..., Site]) -> None:
    site = build_site(nova__retry_period=0, host_failure__evacuation_attempts=1, **QUICK)
    (server,) = site.add(1)
    site.cloud.fail_host("compute-1")
    site.simulator.faults.add("service.list", Fault(status=503))
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.simulator.requests.count("service.list", status=503) > 5)
    assert wait_for(site, uuid, "error")["attempts"] == 0
    site.simulator.faults.clear()
    assert wait_for(site, uuid, "finished", "failed")["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_new_notification_goes_on_with_what_an_older_has_left(build_site: Callable[..., Site]) -> None:
    site = build_site(**SLOW)
    (server,) = site.add(1, vm_state="stopped")
    fill(site)
    first = site.recover()
    make_room(site)
    second = site.engine.recover()
    assert (second["status"], second["message"]) == ("finished", "1 succeeded")
    assert site.has(server, vm_state="stopped")
    first = site.engine.api.get_notification(first["notification_uuid"])
    assert first["status"] == "failed"
    assert first["message"].endswith(f"notification {second['notification_uuid']} resumes its vmoves")


def test_an_error_of_another_engine_is_tried_again(build_site: Callable[..., Site]) -> None:
    site = build_site(**QUICK)
    (server,) = site.add(1)
    fill(site)
    first = site.recover()
    site.stop()
    make_room(site)
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["status"] == "finished"
    assert site.has(server, vm_state="active", locked=False)


def test_an_error_expires(build_site: Callable[..., Site]) -> None:
    site = build_site(check_expired_notifications_interval=1, notifications_expired_interval=100, **SLOW)
    site.add(1)
    fill(site)
    first = site.recover()
    journal = site.engine.service._journal
    (found,) = journal.notifications.list_by(status=NotificationStatus.ERROR)
    journal.notifications.update(found, created_at=journal.clock.in_seconds(-101))
    ended = wait_for(site, first["notification_uuid"], "failed")
    assert "Nova found no host for it" in ended["message"]
    assert "expired: it came more than 100 s ago" in ended["message"]


def test_a_refused_instance_is_not_tried_again(build_site: Callable[..., Site]) -> None:
    site = build_site(**QUICK)
    refused: Any = site.add(1, vm_state="building", power_state=0)
    ended = site.recover()
    assert (ended["status"], ended["retry_at"]) == ("failed", None)
    assert site.vmove(ended, refused[0])["attempts"] == 0


def test_a_host_that_came_back_between_two_tries_is_left_alone(build_site: Callable[..., Site]) -> None:
    """It was fenced when its failure was notified; that says nothing of now, though it looks down again."""
    site = build_site(host_failure__evacuation_retry_interval=1)
    (server,) = site.add(1)
    fill(site)
    first = site.recover()
    with site.cloud.up_to_date():
        host = site.cloud.hosts["compute-1"]
        host.alive = True
    site.clock.leap(60)
    with site.cloud.up_to_date():
        host.forced_down = True  # for its memory, say
    make_room(site)
    ended = wait_for(site, first["notification_uuid"], "failed", "finished")
    assert ended["status"] == "failed"
    assert "the host may be alive" in ended["message"]
    assert len(site.evacuations(server)) == 1
    site.assert_safe()


def test_a_guest_that_its_owner_has_started_meanwhile_stays_up(build_site: Callable[..., Site]) -> None:
    site = build_site(
        cloud={"evacuation_latency": 1.2},
        wait_period_after_evacuation=1,
        host_failure__evacuation_retry_interval=1.5,
    )
    (server,) = site.add(1, vm_state="stopped")
    first = site.recover()
    site.until(lambda: server.host != "compute-1")
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="active", power_state=1)
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["message"] == "1 succeeded"
    assert site.has(server, vm_state="active", power_state=1)


def test_nothing_stays_open_when_a_notification_is_given_up(build_site: Callable[..., Site]) -> None:
    """An engine died in mid-recovery, and the host lives when the next one looks."""
    site = build_site(wait_period_after_service_update=0)
    (server,) = site.add(1)
    with site.journal() as journal:
        uuid = leave(journal, server, step=Step.EVACUATE, locked_by_us=True)
        journal.notifications.update(journal.notifications.get(uuid), service_updated_at="an hour ago")
    lock(site, server, uuid)
    ended = site.engine.wait(uuid)
    move = site.vmove(ended, server)
    assert (ended["status"], move["status"], move["locked_by_us"]) == ("failed", "failed", False)
    assert "the host may be alive" in move["message"]
    assert move["end_time"]
    assert not server.locked


def test_what_it_was_at_first_is_known_though_its_move_was_never_ended(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.fail_host("compute-1")
    with site.journal() as journal:
        uuid = leave(journal, server, step=Step.EVACUATE)
        journal.notifications.update(journal.notifications.get(uuid), status=NotificationStatus.FAILED)
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error")
    assert site.recover()["message"] == "1 succeeded"
    assert site.has(server, vm_state="active")
