"""What must be true after the recovery, checked by the simulated cloud's report, not by the journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from masakari_lite.models import JsonDict

# The vm_state that an instance must have afterwards, by the one before. A paused one becomes stopped.
_EXPECTED_STATES = {"active": "active", "stopped": "stopped", "error": "error", "paused": "stopped"}
# The owner's action that was running when the host failed, by the instance's task_state.
_ACTIONS_BY_TASK = {
    "powering-off": "stop",
    "rebooting_hard": "reboot",
    "rebuilding": "rebuild",
    "deleting": "delete",
}
# The vm_state after an action of the owner, where it differs from the one before.
_STATES_BY_ACTION = {"stop": "stopped", "reboot": "active"}


@dataclasses.dataclass(frozen=True)
class Check:
    """The result of one check.

    :ivar problems: a line for each instance or fact that breaks it
    """

    name: str
    problems: list[str]
    note: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is true."""
        return not self.problems


@dataclasses.dataclass(frozen=True)
class Evidence:
    """What the checks read.

    :ivar report: the simulator's report on the failed host
    :ivar failing: the instances for which the simulator was set to find no host
    :ivar tasks: the task_state of each instance when the host failed
    :ivar notification: as the engine shows it after the recovery
    :ivar vmoves: as the engine shows them after the recovery
    """

    report: JsonDict
    failing: frozenset[str]
    tasks: dict[str, str | None]
    notification: JsonDict
    vmoves: list[JsonDict]

    @property
    def host(self) -> str:
        """The failed host."""
        return str(self.report["host"])

    @property
    def instances(self) -> list[JsonDict]:
        """The instances that were on the host when it failed."""
        return list(self.report["instances"])

    def is_failing(self, instance: JsonDict) -> bool:
        """Return True when the simulator was set to find no host for the instance."""
        return instance["uuid"] in self.failing

    def list_changes(self, instance: JsonDict) -> list[str]:
        """List the owner's actions that Nova accepted since the host failed, and the one running before."""
        changes = [kind.removeprefix("server.") for kind in instance["changed_by_owner"]]
        task = _ACTIONS_BY_TASK.get(self.tasks.get(instance["uuid"]) or "")
        return [task, *changes] if task else changes

    def is_deleted_by_owner(self, instance: JsonDict) -> bool:
        """Return True when the owner deleted the instance, or requested that after its host had failed."""
        is_deleted = instance["host_now"] is None or instance["task_state_now"] == "deleting"
        return is_deleted and "delete" in self.list_changes(instance)


def run_checks(evidence: Evidence) -> list[Check]:
    """Run all checks."""
    strict = sum(not evidence.list_changes(instance) for instance in evidence.instances)
    loose = len(evidence.instances) - strict
    note = f"{strict} unchanged; {loose} as changed by their owner" if loose else ""
    failing = f"except the {len(evidence.failing)} for which Nova found no host" if evidence.failing else ""
    return [
        _check(f"no instance is left on {evidence.host}", evidence, _find_left_behind, failing),
        _check("each instance was evacuated exactly once", evidence, _find_not_once),
        _check("each instance has the state it had before", evidence, _find_wrong_state, note),
        _check("no lock of the engine is left", evidence, _find_left_lock),
        _check("the owner's own locks are kept", evidence, _find_lost_lock),
        _check("no user action passed during an evacuation", evidence, _find_disturbed),
        Check("the engine's locks refused user actions", _find_untested(evidence)),
        Check("the engine's report is correct", list(_find_misreported(evidence))),
    ]


def _check(name: str, evidence: Evidence, find: Callable[[Evidence, JsonDict], str], note: str = "") -> Check:
    found = [(instance, find(evidence, instance)) for instance in evidence.instances]
    return Check(
        name,
        [f"{instance['name']} {instance['uuid']}: {problem}" for instance, problem in found if problem],
        note,
    )


def _find_left_behind(evidence: Evidence, instance: JsonDict) -> str:
    is_left = instance["host_now"] == evidence.host
    if evidence.is_deleted_by_owner(instance):
        return ""
    if instance["host_now"] is None:
        return "was deleted, and not by its owner"
    if evidence.is_failing(instance):
        return "" if is_left else f"is on {instance['host_now']}, but Nova found no host for it"
    return "is still on it" if is_left else ""


def _find_not_once(evidence: Evidence, instance: JsonDict) -> str:
    times = instance["evacuations"]
    if instance["overlapped"]:
        return "was evacuated while its evacuation was running"
    # an instance that its owner deleted early was not evacuated at all
    if times == 1 or (times == 0 and evidence.is_deleted_by_owner(instance)):
        return ""
    return f"was evacuated {times} times"


def _find_wrong_state(evidence: Evidence, instance: JsonDict) -> str:
    if evidence.is_deleted_by_owner(instance) or instance["host_now"] is None:
        return ""
    if evidence.is_failing(instance):
        is_error = instance["vm_state_now"] == "error"
        return "" if is_error else f"is {instance['vm_state_now']}, but Nova found no host for it"
    before = str(instance["vm_state_before"])
    allowed = {_EXPECTED_STATES.get(before, before)}
    for action in evidence.list_changes(instance):
        allowed.add(_STATES_BY_ACTION.get(action, before))
        if action == "rebuild" and before == "error":
            allowed.add("active")
    if instance["task_state_now"]:
        return f"still has task_state {instance['task_state_now']}"
    if instance["vm_state_now"] in allowed:
        return ""
    return f"was {before}, is {instance['vm_state_now']} (allowed: {', '.join(sorted(allowed))})"


def _find_left_lock(evidence: Evidence, instance: JsonDict) -> str:
    return f"is locked: {instance['locked_reason_now']}" if instance["left_locked"] else ""


def _find_lost_lock(evidence: Evidence, instance: JsonDict) -> str:
    return (
        "was locked by its owner, and that lock was removed or changed"
        if instance["owner_lock_kept"] is False
        else ""
    )


def _find_disturbed(evidence: Evidence, instance: JsonDict) -> str:
    return (
        f"{', '.join(instance['disturbed_by'])} passed while it was being evacuated"
        if instance["disturbed_by"]
        else ""
    )


def _find_untested(evidence: Evidence) -> list[str]:
    actions = evidence.report["owner_actions"]["while_locked"]
    if actions["passed"]:
        return [f"{actions['passed']} user actions passed while the engine had locked the instance"]
    return [] if actions["refused_locked"] else ["no user action was refused by a lock of the engine"]


def _find_misreported(evidence: Evidence) -> Iterable[str]:
    expected = "error" if evidence.failing else "finished"
    status, message = evidence.notification["status"], evidence.notification["message"]
    if status != expected:
        yield f"the notification is {status}, not {expected}: {message}"
    failed = {vmove["instance_uuid"]: vmove for vmove in evidence.vmoves if vmove["status"] == "failed"}
    for uuid in sorted(evidence.failing - failed.keys()):
        yield f"{uuid}: not reported as failed, but Nova found no host for it"
    for uuid, vmove in sorted(failed.items()):
        if uuid not in evidence.failing:
            yield f"{uuid}: reported as failed: {vmove['message']}"
        elif "no host" not in vmove["message"].lower() and "no valid host" not in vmove["message"].lower():
            yield f"{uuid}: reported as failed for another reason: {vmove['message']}"
    yield from _find_wrong_destination(evidence)


def _find_wrong_destination(evidence: Evidence) -> Iterable[str]:
    places: dict[str, Any] = {instance["uuid"]: instance["host_now"] for instance in evidence.instances}
    for vmove in evidence.vmoves:
        place = places.get(vmove["instance_uuid"])
        if vmove["status"] == "succeeded" and place is not None and place != vmove["dest_host"]:
            yield f"{vmove['instance_uuid']}: reported on {vmove['dest_host']}, is on {place}"
