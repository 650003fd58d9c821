"""Nova, Keystone and the network in trouble: nothing is lost, nothing is done twice."""

from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST
from tests.harness.site import Site

TIMEOUT = 0.3
# from there on nothing happens until the client gives up, which is sooner
SILENCE = 2 * TIMEOUT

TROUBLES: dict[str, dict[str, Any]] = {
    "500": {"status": 500},
    "502": {"status": 502},
    "503": {"status": 503},
    "504": {"status": 504},
    "429": {"status": 429, "retry_after": 0.01},
    "dropped before": {"drop_before": True},
    "dropped after": {"drop_after": True},
    "silent before": {"delay": SILENCE, "drop_before": True},
    "silent after": {"delay_after": SILENCE},
}

CASES = [
    *((kind, "500") for kind in ("token.create", "version.show", "service.list", "service.update")),
    *((kind, "dropped after") for kind in ("service.list", "service.update", "migration.list")),
    *((kind, "500") for kind in ("server.list", "server.lock", "server.evacuate", "server.unlock")),
    *((kind, "429") for kind in ("server.evacuate", "server.unlock")),
    *(("server.evacuate", trouble) for trouble in ("502", "503", "504")),
    *((kind, "dropped after") for kind in ("server.lock", "server.evacuate", "server.unlock")),
    *((kind, "silent before") for kind in ("server.evacuate", "server.unlock")),
    *((kind, "silent after") for kind in ("server.lock", "server.evacuate")),
    *((kind, "dropped before") for kind in ("server.evacuate", "server.reset_state")),
    *(("server.reset_state", trouble) for trouble in ("500", "dropped after")),
    *(("server.stop", trouble) for trouble in TROUBLES),
    *(("*", trouble) for trouble in TROUBLES),
]


@pytest.mark.parametrize(("kind", "trouble"), CASES)
def test_trouble_now_and_then_delays_and_does_no_harm(
    build_site: Callable[..., Site], kind: str, trouble: str
) -> None:
    # a dropped connection means that Nova may still be at work for this long
    site = build_site(wait_period_after_evacuation=1, nova__retry_period=20)
    if trouble.startswith("silent"):
        site.conf.set_override("timeout", TIMEOUT, "nova")
    servers = site.add(3)
    (stopped,) = site.add(1, vm_state="stopped")
    (paused,) = site.add(1, vm_state="paused")
    (ill,) = site.add(1, vm_state="error", power_state=4)
    # the first request is always hit, so that each of these tests sees its trouble
    first = site.simulator.faults.add(kind, Fault(times=1, **TROUBLES[trouble]))
    site.simulator.faults.add(kind, Fault(share=0.2, **TROUBLES[trouble]))
    ended = site.recover()
    assert first.hits == 1
    assert (ended["status"], ended["message"]) == ("finished", "6 succeeded")
    assert site.cloud.hosts[HOST].disabled
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(stopped, paused, vm_state="stopped")
    site.assert_evacuated_once(ill, vm_state="error")


@pytest.mark.parametrize("kind", ["server.list", "migration.list", "server.evacuate", "server.unlock"])
def test_answers_that_come_too_late_do_no_harm(build_site: Callable[..., Site], kind: str) -> None:
    site = build_site(wait_period_after_evacuation=2)
    site.conf.set_override("timeout", 0.2, "nova")
    servers = site.add(3)
    fault = site.simulator.faults.add(kind, Fault(delay_after=0.6, times=2))
    assert site.recover()["message"] == "3 succeeded"
    assert fault.hits == 2
    site.assert_evacuated_once(*servers)


@pytest.mark.parametrize("lost", [{"drop_after": True}, {"drop_before": True}], ids=["done", "not done"])
def test_an_evacuation_whose_answer_is_lost_is_not_doubled(
    build_site: Callable[..., Site], lost: dict[str, bool]
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, wait_period_after_evacuation=1)
    servers = site.add(3)
    fault = site.simulator.faults.add("server.evacuate", Fault(times=3, **lost))
    assert site.recover()["message"] == "3 succeeded"
    assert fault.hits == 3
    site.assert_evacuated_once(*servers)


def test_an_evacuation_that_a_gateway_gave_up_on_is_not_doubled(build_site: Callable[..., Site]) -> None:
    """Nova still works on a request that its gateway has answered with 504: the record comes late."""
    site = build_site(cloud={"evacuation_latency": 0.1}, nova__late_request_period=3)
    site.conf.set_override("timeout", 0.2, "nova")
    (server,) = site.add(1)
    site.simulator.faults.add("server.evacuate", Fault(delay=0.8, times=1))
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(server)


def test_an_evacuation_that_is_never_answered_is_failed(build_site: Callable[..., Site]) -> None:
    site = build_site(nova__retry_period=0.3)
    (server,) = site.add(1)
    fault = site.simulator.faults.add("server.evacuate", Fault(status=503))
    ended = site.recover()
    assert ended["status"] == "error"
    assert "HTTP 503" in site.vmove(ended, server)["message"]
    assert fault.hits > 1
    assert not site.evacuations(server)
    assert not server.locked


def test_a_lock_whose_answer_is_lost_is_taken_off(site: Site) -> None:
    servers = site.add(2)
    site.simulator.faults.add("server.lock", Fault(drop_after=True, times=2))
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(*servers)


@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_a_lock_that_may_have_been_set_is_taken_off(
    build_site: Callable[..., Site], microversion: str
) -> None:
    """The lock is set, its answer lost, and Nova then away for longer than a request is repeated."""
    site = build_site(cloud={"max_microversion": microversion}, nova__retry_period=0.3)
    (server,) = site.add(1)
    site.simulator.faults.add("server.lock", Fault(drop_after=True, times=1))
    site.simulator.faults.add("server.lock", Fault(status=503, after_request=1))
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: server.locked)
    for kind in ("server.show", "server.list", "server.unlock"):
        site.simulator.faults.add(kind, Fault(status=503))
    asked = site.simulator.requests.count

    def has_tried() -> bool:
        tried = asked("server.show", status=503) + asked("server.unlock", status=503)
        return tried >= 15 or site.engine.api.get_notification(uuid)["status"] != "running"

    site.until(has_tried)
    site.simulator.faults.clear()
    assert site.engine.wait(uuid)["status"] == "error"
    assert not server.locked


@pytest.mark.parametrize("status", [403, 409, 500, 503])
def test_an_unlock_is_repeated_until_it_holds(build_site: Callable[..., Site], status: int) -> None:
    site = build_site(nova__retry_period=0.1)
    servers = site.add(2)
    fault = site.simulator.faults.add("server.unlock", Fault(status=status, times=20))
    assert site.recover()["status"] == "finished"
    assert fault.hits == 20
    site.assert_evacuated_once(*servers)


def test_a_revoked_token_is_renewed(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.2})
    servers = site.add(6)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    for count in (1, 4):  # in the first three instances' time, and in the other three's
        site.until(lambda count=count: len(site.cloud.migrations) >= count)
        site.simulator.revoke_tokens()
    assert site.engine.wait(uuid)["message"] == "6 succeeded"
    site.assert_evacuated_once(*servers)
    assert site.cloud.identity.issued["masakari"] >= 3


def test_expiring_tokens_are_renewed(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.2, "token_lifetime": 0.3})
    servers = site.add(4)
    assert site.recover()["message"] == "4 succeeded"
    site.assert_evacuated_once(*servers)


def test_wrong_credentials_end_the_recovery_and_are_told(site: Site) -> None:
    (server,) = site.add(1)
    site.simulator.faults.add("token.create", Fault(status=401, message="Not you."))
    ended = site.recover()
    assert ended["status"] == "error"
    assert "Keystone answered HTTP 401 Not you." in ended["message"]
    assert "check the credentials in [nova]" in ended["message"]
    assert not site.evacuations(server)


@pytest.mark.parametrize("when", ["service down", "lock", "in flight", "unlock"])
def test_when_nova_is_away_the_recovery_waits_and_goes_on(build_site: Callable[..., Site], when: str) -> None:
    site = build_site(cloud={"evacuation_latency": 0.2}, wait_period_after_evacuation=1)
    servers = site.add(5) + site.add(1, metadata={"HA_Enabled": "true"})
    asked = site.simulator.requests.count
    moments: dict[str, Callable[[], Any]] = {
        "service down": lambda: asked("service.list") >= 2,
        "lock": lambda: asked("server.lock"),
        "in flight": lambda: len(site.cloud.migrations) >= 2,
        "unlock": lambda: asked("server.unlock") >= 2,
    }
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(moments[when])
    site.simulator.stop()
    # longer than an evacuation may take: the time without an answer must not count
    deadline = site.cloud.clock.now() + 1.3
    site.until(lambda: site.cloud.clock.now() > deadline)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    assert not any(move["status"] == "failed" for move in site.engine.api.list_vmoves(uuid))
    site.simulator.start()
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"]) == ("finished", "6 succeeded")
    site.assert_evacuated_once(*servers)


def test_a_nova_that_stays_away_ends_the_recovery_in_time(build_site: Callable[..., Site]) -> None:
    site = build_site(nova__retry_period=0.3)
    assert site.engine
    site.until(lambda: site.simulator.requests.count("service.list"))
    site.simulator.stop()
    ended = site.engine.recover()
    assert ended["status"] == "error"
    assert "list the compute service of compute-1: " in ended["message"]
    site.simulator.start()
    assert site.recover()["status"] == "finished"
