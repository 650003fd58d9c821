"""When what failed is given up, and when not: hosts that live, tries that count, what has expired."""

from collections.abc import Callable

from masakari_lite.models import Step, VMoveStatus
from masakari_lite_simulator import Fault
from tests.functional.recovery.test_hosts import leave as leave_new
from tests.functional.recovery.test_restart import leave
from tests.functional.recovery.test_retries import fill, make_room, wait_for
from tests.harness.monitor import HOST
from tests.harness.site import Site


def test_a_host_that_reported_on_is_not_evacuated_when_its_service_is_stopped_later(
    build_site: Callable[..., Site],
) -> None:
    """Its guests go on running, whatever has become of its nova-compute since."""
    site = build_site(wait_period_after_service_update=1, host_failure__evacuation_retry_interval=2)
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]
    assert "still reports the compute service" in wait_for(site, uuid, "error")["message"]
    with site.cloud.up_to_date():
        site.clock.leap(10)  # it reports on
        site.cloud.force_down(HOST)
    ended = wait_for(site, uuid, "finished", "failed")
    assert ended["status"] == "failed"
    assert "the host may be alive, so nothing more is evacuated" in ended["message"]
    assert not site.evacuations(server)


def test_a_host_that_was_dead_all_along_is_evacuated_by_a_later_try(build_site: Callable[..., Site]) -> None:
    """Nova may take longer to see it down than a try waits."""
    site = build_site(
        cloud={"service_down_time": 4},
        wait_period_after_service_update=1,
        host_failure__evacuation_retry_interval=0.5,
    )
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    ended = wait_for(site, uuid, "finished", "failed")
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded")
    assert ended["attempts"] > 1
    site.assert_evacuated_once(server)


def test_a_host_that_reported_on_while_no_engine_ran_is_not_evacuated(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(wait_period_after_service_update=30)
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.simulator.requests.count("service.list") >= 3)
    site.stop()
    with site.cloud.up_to_date():
        site.clock.leap(3600)  # it reports on
        site.cloud.force_down(HOST)
    ended = site.engine.wait(uuid)
    assert ended["status"] == "failed"
    assert "long after the notification came" in ended["message"]
    assert not site.evacuations(server)


def test_that_a_later_try_disables_the_service_is_no_sign_of_life(build_site: Callable[..., Site]) -> None:
    """Nova's updated_at is that of any change."""
    site = build_site(
        cloud={"service_down_time": 3},
        wait_period_after_service_update=1,
        host_failure__evacuation_retry_interval=1,
        host_failure__evacuation_attempts=20,
    )
    (server,) = site.add(1)
    fill(site)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: "waiting for room" in site.engine.api.get_notification(uuid)["message"])
    make_room(site)
    assert wait_for(site, uuid, "finished", "failed")["status"] == "finished"
    assert site.has(server, vm_state="active", locked=False)


def test_an_engine_that_dies_in_a_last_try_gives_up_no_instance_that_has_others(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(host_failure__evacuation_attempts=3, host_failure__evacuation_retry_interval=0.5)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    with site.journal() as journal:
        uuid = leave(journal, server, status=VMoveStatus.PENDING, step=Step.PLANNED)
        journal.notifications.update(journal.notifications.get(uuid), attempts=3)
    site.simulator.faults.add("service.list", Fault(status=403, message="just now", times=1))
    assert wait_for(site, uuid, "finished", "failed")["status"] == "finished"
    site.assert_evacuated_once(server)


def test_the_tries_of_instances_are_not_those_of_their_host(build_site: Callable[..., Site]) -> None:
    """A refusal that passes does not give up an instance that has a try left."""
    site = build_site(host_failure__evacuation_attempts=2, host_failure__evacuation_retry_interval=0.5)
    (server,) = site.add(1)
    fill(site)
    first = site.recover()
    assert first["status"] == "error"
    make_room(site)
    site.simulator.faults.add("service.list", Fault(status=403, message="just now", times=1))
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["status"] == "finished"
    assert site.has(server, vm_state="active", locked=False)


def test_without_a_wait_a_service_may_be_forced_down(build_site: Callable[..., Site]) -> None:
    site = build_site(
        cloud={"service_down_time": 600},
        host_failure__force_down=True,
        wait_period_after_service_update=0,
    )
    (server,) = site.add(1)
    assert site.recover()["status"] == "finished"
    assert site.cloud.hosts[HOST].forced_down
    site.assert_evacuated_once(server)


def test_a_notification_that_has_expired_holds_up_nothing(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuation_retry_interval=0.5, notifications_expired_interval=100)
    site.add(1)
    fill(site)
    first = site.recover()
    make_room(site)
    leave_new(site.engine.service._journal, age=200)
    assert wait_for(site, first["notification_uuid"], "finished")
