"""What Nova refuses for good is not tried again, leaves nothing of ours behind, and Nova's reason is told."""

from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite.models import Step
from masakari_lite_simulator import Fault, Server
from tests.functional.recovery.test_restart import leave, lock
from tests.functional.recovery.test_retries import wait_for
from tests.harness.monitor import HOST
from tests.harness.site import Site

# in Nova's words, with the status of each
REFUSALS = [
    (409, "Operation 'evacuate' not supported for vTPM-enabled instance (1-2-3)."),
    (409, "Feature not supported with instances that have shares."),
    (403, "Feature not supported with instances that have accelerators."),
    (400, "The port resource request is not supported until every nova-compute is upgraded."),
]
STATES: list[dict[str, Any]] = [
    {"vm_state": "active"},
    {"vm_state": "stopped", "power_state": 4},
    {"vm_state": "paused", "power_state": 3},
    {"vm_state": "suspended", "power_state": 4},
    {"vm_state": "rescued"},
    {"vm_state": "resized"},
    {"vm_state": "error", "power_state": 4},
]


def refuse(site: Site, server: Server, status: int, message: str, **when: Any) -> Fault:
    """Have Nova refuse before it looks at the instance's state, as it does with what the instance has."""
    return site.simulator.faults.add(
        "server.evacuate", Fault(status=status, message=message, uuid=server.uuid, **when)
    )


@pytest.mark.parametrize(("status", "message"), REFUSALS, ids=["vtpm", "share", "accelerator", "port"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: str(state["vm_state"]))
def test_an_instance_that_cannot_be_evacuated_stays_as_it_was(
    build_site: Callable[..., Site], status: int, message: str, state: dict[str, Any]
) -> None:
    site = build_site(host_failure__evacuation_retry_interval=0.2)
    (refused,) = site.add(1, **state)
    others = site.add(2)
    fault = refuse(site, refused, status, message)
    ended = site.recover()
    assert (ended["status"], ended["message"].partition(";")[0]) == ("failed", "2 succeeded, 1 failed")
    assert message in ended["message"]
    assert fault.hits == 1
    before = {"power_state": 1, "task_state": None, "locked": False, "host": HOST} | state
    assert site.has(refused, **before)
    assert not site.simulator.requests.count("server.reset_state")
    site.assert_evacuated_once(*others)


@pytest.mark.parametrize("state", STATES[2:6], ids=lambda state: str(state["vm_state"]))
def test_a_state_that_was_reset_for_nothing_is_taken_back(
    build_site: Callable[..., Site], state: dict[str, Any]
) -> None:
    """Nova may refuse once more when it was asked the second time."""
    site = build_site(host_failure__evacuation_retry_interval=0.2)
    (server,) = site.add(1, **state)
    refuse(site, server, *REFUSALS[0], after_request=1)
    ended = site.recover()
    assert ended["status"] == "failed"
    assert f"its state is active now: it was {state['vm_state']}" in ended["message"]
    assert site.has(server, vm_state="active", task_state=None, locked=False, host=HOST)
    assert site.simulator.requests.count("server.reset_state") == 2


@pytest.mark.parametrize("step", [Step.RESET_STATE, Step.EVACUATE])
def test_a_reset_of_an_engine_that_died_is_taken_back(site: Site, step: Step) -> None:
    (server,) = site.add(1, vm_state="paused", power_state=3)
    site.cloud.fail_host(HOST)
    refuse(site, server, *REFUSALS[0])
    with site.journal() as journal:
        uuid = leave(journal, server, step=step, locked_by_us=True)
    lock(site, server, uuid)
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error")
    ended = site.engine.wait(uuid)
    assert ended["status"] == "failed"
    assert not server.locked
    assert server.vm_state == "active"


def test_a_host_that_was_up_when_its_evacuation_was_asked_for_leaves_no_reset_behind(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(host_failure__evacuation_attempts=1)
    (server,) = site.add(1, vm_state="paused", power_state=3)
    refuse(site, server, 400, f"Compute service of {HOST} is still in use.", after_request=1)
    ended = site.recover()
    assert ended["status"] == "failed"
    assert "still in use" in ended["message"]
    assert site.has(server, vm_state="active", locked=False, host=HOST)


@pytest.mark.parametrize(
    ("action", "policy"),
    [
        ("server.evacuate", "os_compute_api:os-evacuate"),
        ("server.lock", "os_compute_api:os-lock-server:lock"),
        ("server.list", "os_compute_api:servers:detail:get_all_tenants"),
        ("service.update", "os_compute_api:os-services:update"),
    ],
)
def test_the_policy_that_forbids_it_is_told(
    build_site: Callable[..., Site], action: str, policy: str
) -> None:
    site = build_site(host_failure__evacuation_attempts=1)
    (server,) = site.add(1)
    site.simulator.faults.add(
        action, Fault(status=403, message=f"Policy doesn't allow {policy} to be performed.")
    )
    ended = site.recover()
    assert ended["status"] == "failed"
    assert f"Policy doesn't allow {policy} to be performed." in ended["message"]
    assert "give the user in [nova] of masakari.conf the admin role, or this policy" in ended["message"]
    assert site.has(server, host=HOST, locked=False, vm_state="active")


def test_another_403_is_told_as_nova_says_it(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuation_attempts=1)
    site.add(1)
    message = "Quota exceeded for instances: Requested 1, but already used 10 of 10 instances"
    site.simulator.faults.add("server.lock", Fault(status=403, message=message))
    ended = site.recover()
    assert message in ended["message"]
    assert "admin role" not in ended["message"]


@pytest.mark.parametrize("is_by_us", [True, False])
def test_a_service_is_enabled_again_where_nothing_was_done(
    build_site: Callable[..., Site], is_by_us: bool
) -> None:
    site = build_site(host_failure__evacuation_attempts=1)
    site.add(1)
    if not is_by_us:
        site.cloud.disable(HOST, "for maintenance")
    site.simulator.faults.add("server.list", Fault(status=403, message="Policy doesn't allow x"))
    assert site.recover()["status"] == "failed"
    host = site.cloud.hosts[HOST]
    assert host.disabled is not is_by_us
    assert host.disabled_reason == (None if is_by_us else "for maintenance")


def test_a_service_stays_disabled_between_two_tries_and_when_something_was_done(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(host_failure__evacuation_attempts=2, host_failure__evacuation_retry_interval=0.3)
    (server,) = site.add(1)
    assert site.engine
    site.until(lambda: site.simulator.requests.count("server.list"))  # it looks for locks when it starts
    fault = site.simulator.faults.add("server.list", Fault(status=403, message="No.", times=1))
    first = site.recover()
    assert (first["status"], fault.hits) == ("error", 1)
    assert site.cloud.hosts[HOST].disabled
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["status"] == "finished"
    assert site.cloud.hosts[HOST].disabled
    site.assert_evacuated_once(server)
