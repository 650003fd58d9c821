"""The demo's checks must be able to fail."""

import dataclasses
from typing import Any

import pytest

from masakari_lite_demo import checks
from masakari_lite_demo.checks import Evidence

UUID = "11111111-1111-4111-8111-111111111111"


def build_instance(**changes: Any) -> dict[str, Any]:
    return {
        "uuid": UUID,
        "name": "guest-001",
        "host_now": "compute-2",
        "vm_state_before": "active",
        "vm_state_now": "active",
        "task_state_now": None,
        "evacuations": 1,
        "overlapped": 0,
        "left_locked": False,
        "locked_reason_now": None,
        "owner_lock_kept": None,
        "changed_by_owner": [],
        "disturbed_by": [],
    } | changes


def build_vmove(**changes: Any) -> dict[str, Any]:
    return {
        "instance_uuid": UUID,
        "status": "succeeded",
        "dest_host": "compute-2",
        "message": "evacuated to compute-2",
    } | changes


def build_evidence(**changes: Any) -> Evidence:
    actions = {"refused_locked": 3, "refused": 0, "passed": 0}
    return Evidence(
        report={
            "host": "compute-1",
            "instances": [build_instance(**changes)],
            "owner_actions": dict.fromkeys(("before_lock", "while_locked", "after_lock"), actions),
        },
        failing=frozenset(),
        tasks={},
        notification={"status": "finished", "message": "1 succeeded"},
        vmoves=[build_vmove()],
    )


def find_broken(evidence: Evidence) -> list[str]:
    return [check.name for check in checks.run_checks(evidence) if not check.holds]


NONE_LEFT = "no instance is left on compute-1"
ONCE = "each instance was evacuated exactly once"
STATE = "each instance has the state it had before"
NO_LOCK = "no lock of the engine is left"
OWNER_LOCK = "the owner's own locks are kept"
PASSED = "no user action passed during an evacuation"
TESTED = "the engine's locks refused user actions"
REPORTED = "the engine's report is correct"


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, []),
        ({"host_now": "compute-1"}, [NONE_LEFT, REPORTED]),
        ({"host_now": None}, [NONE_LEFT]),
        ({"evacuations": 2}, [ONCE]),
        ({"evacuations": 0}, [ONCE]),
        ({"evacuations": 2, "overlapped": 1}, [ONCE]),
        ({"vm_state_now": "stopped"}, [STATE]),
        ({"vm_state_before": "paused"}, [STATE]),
        ({"vm_state_before": "error"}, [STATE]),
        ({"task_state_now": "powering-off"}, [STATE]),
        ({"left_locked": True}, [NO_LOCK]),
        ({"owner_lock_kept": False}, [OWNER_LOCK]),
        ({"owner_lock_kept": True}, []),
        ({"disturbed_by": ["server.stop"]}, [PASSED]),
        ({"host_now": "compute-3"}, [REPORTED]),
        # another state or place that the owner asked for is no fault
        ({"vm_state_now": "stopped", "changed_by_owner": ["server.stop"]}, []),
        ({"vm_state_now": "stopped", "changed_by_owner": ["server.rebuild"]}, [STATE]),
        ({"vm_state_before": "stopped", "changed_by_owner": ["server.reboot"]}, []),
        ({"host_now": None, "changed_by_owner": ["server.delete"]}, []),
        ({"host_now": None, "evacuations": 0, "changed_by_owner": ["server.delete"]}, []),
        ({"vm_state_before": "paused", "vm_state_now": "stopped"}, []),
        ({"vm_state_before": "error", "vm_state_now": "error"}, []),
    ],
)
def test_what_became_of_an_instance(changes: dict[str, Any], broken: list[str]) -> None:
    assert find_broken(build_evidence(**changes)) == broken


def test_what_the_owner_had_asked_for_before_the_failure() -> None:
    evidence = build_evidence(vm_state_now="stopped")
    assert find_broken(evidence) == [STATE]
    assert find_broken(dataclasses.replace(evidence, tasks={UUID: "powering-off"})) == []


def test_an_instance_being_deleted_stays() -> None:
    evidence = build_evidence(host_now="compute-1", task_state_now="deleting", evacuations=0)
    ignored = [build_vmove(status="ignored", dest_host=None)]
    evidence = dataclasses.replace(evidence, vmoves=ignored)
    assert NONE_LEFT in find_broken(evidence)
    assert find_broken(dataclasses.replace(evidence, tasks={UUID: "deleting"})) == []


@pytest.mark.parametrize(
    ("changes", "message", "broken"),
    [
        ({}, "Nova found no host for it", []),
        ({}, "timed out", [REPORTED]),
        ({"host_now": "compute-2"}, "Nova found no host for it", [NONE_LEFT]),
        ({"vm_state_now": "active"}, "Nova found no host for it", [STATE]),
        ({"left_locked": True}, "Nova found no host for it", [NO_LOCK]),
    ],
)
def test_an_instance_without_a_host(changes: dict[str, Any], message: str, broken: list[str]) -> None:
    failed = {"host_now": "compute-1", "vm_state_now": "error"} | changes
    evidence = dataclasses.replace(
        build_evidence(**failed),
        failing=frozenset({UUID}),
        notification={"status": "error", "message": ""},
        vmoves=[build_vmove(status="failed", dest_host=None, message=message)],
    )
    assert find_broken(evidence) == broken


@pytest.mark.parametrize(
    ("status", "failing", "vmoves"),
    [
        ("error", frozenset(), [build_vmove()]),
        ("finished", frozenset(), [build_vmove(status="failed", message="no host")]),
        ("finished", frozenset({UUID}), [build_vmove(status="failed", message="no host")]),
        ("error", frozenset({UUID}), [build_vmove()]),
    ],
)
def test_what_the_engine_reports(status: str, failing: frozenset[str], vmoves: list[dict[str, Any]]) -> None:
    evidence = dataclasses.replace(
        build_evidence(),
        failing=failing,
        notification={"status": status, "message": ""},
        vmoves=vmoves,
    )
    assert REPORTED in find_broken(evidence)


@pytest.mark.parametrize(("refused", "passed", "broken"), [(3, 0, []), (0, 0, [TESTED]), (3, 1, [TESTED])])
def test_the_locks_refused_something(refused: int, passed: int, broken: list[str]) -> None:
    evidence = build_evidence()
    evidence.report["owner_actions"]["while_locked"] = {"refused_locked": refused, "passed": passed}
    assert find_broken(evidence) == broken
