"""What must be true in the end, asked of the simulated cloud, not of the journal."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from typing import Any

from masakari_lite.models import JsonDict

# What an instance must be again, by what it was. Nova can't evacuate a paused one as paused.
_ENDS = {"active": "active", "stopped": "stopped", "error": "error", "paused": "stopped"}
# What the owner had asked for when the host died, by the task_state that the instance had then.
_TASKS = {
    "powering-off": "stop",
    "rebooting_hard": "reboot",
    "rebuilding": "rebuild",
    "deleting": "delete",
}
# What an action of the owner's makes of an instance, where that is not what it was.
_WISHES = {"stop": "stopped", "reboot": "active"}


@dataclasses.dataclass(frozen=True)
class Check:
    """One thing that must be true.

    :ivar problems: a line for each instance that shows that it is not
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
    """What the checks look at.

    :ivar report: the simulator's, of the failed host
    :ivar failing: the instances for which Nova found no host, as it was told
    :ivar tasks: the task_state of each instance when the host failed
    :ivar notification: as the engine shows it in the end
    :ivar vmoves: as the engine shows them in the end
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

    def is_failing(self, one: JsonDict) -> bool:
        """Tell whether Nova was told to find no host for the instance."""
        return one["uuid"] in self.failing

    def list_changes(self, one: JsonDict) -> list[str]:
        """List what the owner asked for, and Nova accepted, since the host failed or just before."""
        changes = [kind.removeprefix("server.") for kind in one["changed_by_owner"]]
        task = _TASKS.get(self.tasks.get(one["uuid"]) or "")
        return [task, *changes] if task else changes

    def is_given_up(self, one: JsonDict) -> bool:
        """Tell whether the owner has deleted the instance, or asked for it when its host was dead already."""
        is_gone = one["host_now"] is None or one["task_state_now"] == "deleting"
        return is_gone and "delete" in self.list_changes(one)


def run_checks(evidence: Evidence) -> list[Check]:
    """Run all checks."""
    strict = sum(not evidence.list_changes(one) for one in evidence.instances)
    loose = len(evidence.instances) - strict
    note = f"{strict} exactly; {loose} as their owner wanted, who changed them" if loose else ""
    failing = f"but those {len(evidence.failing)} for which Nova had no host" if evidence.failing else ""
    return [
        _check(f"all are off {evidence.host}", evidence, _find_left_behind, failing),
        _check("each was evacuated exactly once", evidence, _find_not_once),
        _check("each is in the state it had", evidence, _find_wrong_state, note),
        _check("no lock of ours is left", evidence, _find_left_lock),
        _check("the owner's own locks are still there", evidence, _find_lost_lock),
        _check("no user action got in between", evidence, _find_disturbed),
        Check("the locks were put to the test", _find_untested(evidence)),
        Check("the engine reports what has happened", list(_find_misreported(evidence))),
    ]


def _check(name: str, evidence: Evidence, find: Callable[[Evidence, JsonDict], str], note: str = "") -> Check:
    found = [(one, find(evidence, one)) for one in evidence.instances]
    return Check(name, [f"{one['name']} {one['uuid']}: {problem}" for one, problem in found if problem], note)


def _find_left_behind(evidence: Evidence, one: JsonDict) -> str:
    is_there = one["host_now"] == evidence.host
    if evidence.is_given_up(one):
        return ""
    if one["host_now"] is None:
        return "is gone, and its owner did not delete it"
    if evidence.is_failing(one):
        return "" if is_there else f"is on {one['host_now']}, but Nova had no host for it"
    return "is still there" if is_there else ""


def _find_not_once(evidence: Evidence, one: JsonDict) -> str:
    times = one["evacuations"]
    if one["overlapped"]:
        return "was evacuated while its evacuation was running"
    # one that its owner deleted in time was not evacuated at all
    if times == 1 or (times == 0 and evidence.is_given_up(one)):
        return ""
    return f"was evacuated {times} times"


def _find_wrong_state(evidence: Evidence, one: JsonDict) -> str:
    if evidence.is_given_up(one) or one["host_now"] is None:
        return ""
    if evidence.is_failing(one):
        is_error = one["vm_state_now"] == "error"
        return "" if is_error else f"is {one['vm_state_now']}, but Nova had no host for it"
    before = str(one["vm_state_before"])
    allowed = {_ENDS.get(before, before)}
    for action in evidence.list_changes(one):
        allowed.add(_WISHES.get(action, before))
        if action == "rebuild" and before == "error":
            allowed.add("active")
    if one["task_state_now"]:
        return f"is not at rest: task_state {one['task_state_now']}"
    if one["vm_state_now"] in allowed:
        return ""
    return f"was {before}, is {one['vm_state_now']} (allowed: {', '.join(sorted(allowed))})"


def _find_left_lock(evidence: Evidence, one: JsonDict) -> str:
    return f"is locked: {one['locked_reason_now']}" if one["left_locked"] else ""


def _find_lost_lock(evidence: Evidence, one: JsonDict) -> str:
    return "was locked by its owner, and is not as it was" if one["owner_lock_kept"] is False else ""


def _find_disturbed(evidence: Evidence, one: JsonDict) -> str:
    return f"{', '.join(one['disturbed_by'])} passed while it was evacuated" if one["disturbed_by"] else ""


def _find_untested(evidence: Evidence) -> list[str]:
    tried = evidence.report["owner_actions"]["while_locked"]
    if tried["passed"]:
        return [f"{tried['passed']} user actions passed while an instance was locked by us"]
    return [] if tried["refused_locked"] else ["no user action met a lock"]


def _find_misreported(evidence: Evidence) -> Iterable[str]:
    expected = "error" if evidence.failing else "finished"
    status, message = evidence.notification["status"], evidence.notification["message"]
    if status != expected:
        yield f"the notification ended as {status}, not {expected}: {message}"
    failed = {vmove["instance_uuid"]: vmove for vmove in evidence.vmoves if vmove["status"] == "failed"}
    for uuid in sorted(evidence.failing - failed.keys()):
        yield f"{uuid}: not reported as failed, but Nova had no host for it"
    for uuid, vmove in sorted(failed.items()):
        if uuid not in evidence.failing:
            yield f"{uuid}: reported as failed: {vmove['message']}"
        elif "no host" not in vmove["message"].lower() and "no valid host" not in vmove["message"].lower():
            yield f"{uuid}: reported as failed for another reason: {vmove['message']}"
    yield from _find_unlike(evidence)


def _find_unlike(evidence: Evidence) -> Iterable[str]:
    places: dict[str, Any] = {one["uuid"]: one["host_now"] for one in evidence.instances}
    for vmove in evidence.vmoves:
        place = places.get(vmove["instance_uuid"])
        if vmove["status"] == "succeeded" and place is not None and place != vmove["dest_host"]:
            yield f"{vmove['instance_uuid']}: reported on {vmove['dest_host']}, is on {place}"
