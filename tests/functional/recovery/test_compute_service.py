"""The failed host's compute service: seen down first, then disabled; never evacuated from before."""

import time
from collections.abc import Callable

from masakari_lite.models import JsonDict
from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST
from tests.harness.site import Site

REASON = "Disabled by masakari-lite: the host failed"


def test_a_service_that_is_down_is_disabled_with_the_reason(site: Site) -> None:
    site.recover()
    host = site.cloud.hosts[HOST]
    assert (host.disabled, host.disabled_reason, host.forced_down) == (True, REASON, False)


def test_nothing_happens_before_nova_sees_the_host_down(build_site: Callable[..., Site]) -> None:
    site = build_site(
        cloud={"service_down_time": 600, "rpc_response_timeout": 30},
        host_failure__service_disable_reason="The roof fell in",
    )
    (server,) = site.add(1)
    host = site.cloud.hosts[HOST]
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]

    def says_that_it_waits() -> JsonDict | None:
        progress = site.engine.api.get_notification(uuid)["progress"]
        return progress and progress[0]["progress_details"]

    assert "waiting until Nova reports" in site.until(says_that_it_waits)[0]["message"]
    site.until(lambda: site.simulator.requests.count("service.list") > 5)
    assert site.cloud.is_up(host)
    assert not host.disabled
    assert not server.locked
    site.clock.leap(601)
    assert site.engine.wait(uuid)["status"] == "finished"
    assert host.disabled_reason == "The roof fell in"
    assert site.simulator.requests.count("service.update") == 1
    site.assert_evacuated_once(server)


def test_a_host_is_forced_down_first_where_that_is_allowed(build_site: Callable[..., Site]) -> None:
    site = build_site(
        cloud={"service_down_time": 600, "rpc_response_timeout": 600}, host_failure__force_down=True
    )
    (server,) = site.add(1)
    begun = time.monotonic()
    assert site.recover()["status"] == "finished"
    assert time.monotonic() - begun < 300  # it waits for nothing of the host's
    host = site.cloud.hosts[HOST]
    assert (host.forced_down, host.disabled) == (True, True)
    events = [event["text"] for event in site.cloud.events_since(0) if event["subject"] == HOST]
    assert [text for text in events if text in ("forced down", "disabled")] == ["forced down", "disabled"]
    site.assert_evacuated_once(server)


def test_a_service_seen_down_is_not_forced_down(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__force_down=True)
    site.recover()
    assert not site.cloud.hosts[HOST].forced_down


def test_nothing_is_evacuated_from_a_host_that_is_up(build_site: Callable[..., Site]) -> None:
    site = build_site(wait_period_after_service_update=1)
    (server,) = site.add(1)
    ended = site.engine.recover()  # the host has not failed
    assert ended["status"] == "error"
    assert "still reports the compute service of compute-1 up after 1 s" in ended["message"]
    assert not site.evacuations(server)
    assert not server.locked
    assert not site.simulator.requests.count("service.update")
    assert ended["progress"][0]["state"] == "FAILURE"


def test_without_a_wait_nova_is_asked_once(build_site: Callable[..., Site]) -> None:
    site = build_site(wait_period_after_service_update=0)
    asked = site.simulator.requests.count
    assert site.engine
    site.until(lambda: asked("service.list") == 1)  # the engine looks at Nova when it starts
    assert site.engine.recover()["status"] == "error"
    # before the wait, and in it; and Nova's clock is read
    assert asked("service.list") <= 4


def test_a_service_that_is_disabled_already_keeps_its_reason(site: Site) -> None:
    (server,) = site.add(1)
    site.cloud.disable(HOST, "for its memory")
    assert site.recover()["status"] == "finished"
    assert site.cloud.hosts[HOST].disabled_reason == "for its memory"
    assert not site.simulator.requests.count("service.update")
    site.assert_evacuated_once(server)


def test_a_host_that_is_up_again_during_its_recovery_keeps_its_instances(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(
        cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1, nova__retry_period=0.1
    )
    servers = site.add(3)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    site.cloud.hosts[HOST].alive = True
    ended = site.engine.wait(uuid)
    assert ended["status"] == "error"
    assert ended["message"].startswith("1 succeeded, 2 failed")
    assert "still in use" in ended["message"]
    assert sum(len(site.evacuations(server)) for server in servers) == 1
    assert not any(server.locked for server in servers)


def test_a_user_who_may_not_ask_nova_is_told_so(site: Site) -> None:
    site.simulator.faults.add("service.list", Fault(status=403, message="Policy doesn't allow it."))
    ended = site.recover()
    assert ended["status"] == "error"
    assert "Policy doesn't allow it." in ended["message"]
    assert "give the user in [nova] of masakari.conf the admin role" in ended["message"]
    assert "(req-" in ended["message"]
