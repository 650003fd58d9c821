"""What is done with an instance, by the state in which its host failed: one table for all of Nova's.

``decide()`` is the only reader of the tables; the documentation prints them (``python -m
masakari_lite.recovery.host.states``) and the tests run through them.

Nova evacuates an instance whose vm_state is active, stopped or error, and leaves a stopped one stopped
and the others running (up to microversion 2.94). Any other vm_state needs ``os-resetState`` first. A task
that the failure interrupted is dropped, where a row does not say otherwise.
"""

import dataclasses
import enum

from masakari_lite.models import Migration, PowerState


class Action(enum.StrEnum):
    """What is done with the instance."""

    EVACUATE = "evacuate"
    IGNORE = "ignore"
    """Nothing has to be evacuated: the vmove is ignored."""
    FAIL = "fail"
    """Evacuating it could do harm: the vmove fails, and its message says what to check."""


class End(enum.StrEnum):
    """The state that the instance has again at the end."""

    ACTIVE = "active"
    STOPPED = "stopped"
    ERROR = "error"
    """vm_state error again, and powered off first when it was not running."""
    AS_POWERED = "active if it was running, else stopped"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A row of the tables.

    :ivar end: None where the instance is not evacuated
    :ivar reason: for the operator, where the instance is not evacuated
    """

    action: Action
    end: End | None = None
    reason: str = ""


def _evacuate(end: End) -> Rule:
    return Rule(Action.EVACUATE, end)


_DELETED = "the owner has deleted it"
_BEING_DELETED = Rule(Action.IGNORE, reason="the owner is deleting it")
_BUILDING = Rule(
    Action.FAIL,
    reason="it was still being built, so there is nothing to bring back; delete it and create it again",
)

VM_STATES: dict[str, Rule] = {
    "active": _evacuate(End.ACTIVE),
    "stopped": _evacuate(End.STOPPED),
    "error": _evacuate(End.ERROR),
    "paused": _evacuate(End.STOPPED),
    "suspended": _evacuate(End.STOPPED),
    "rescued": _evacuate(End.STOPPED),
    "resized": _evacuate(End.AS_POWERED),
    "shelved": _evacuate(End.STOPPED),
    "shelved_offloaded": Rule(Action.IGNORE, reason="it is shelved and offloaded: it is on no host"),
    "soft-delete": Rule(Action.IGNORE, reason=f"{_DELETED}; it can be restored when its host is back"),
    "deleted": Rule(Action.IGNORE, reason=_DELETED),
    "building": _BUILDING,
}

NOVA_EVACUATES = frozenset({"active", "stopped", "error"})
"""The vm_states that need no ``os-resetState`` before an evacuation."""

REBUILDING = frozenset({"rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"})
"""The task_states of an evacuation under way."""

_BY_VM_STATE = "vm_state"
_BY_MIGRATION = "migration record"

TASK_STATES: dict[str, Rule | str] = {
    **dict.fromkeys(("scheduling", "block_device_mapping", "networking", "spawning"), _BUILDING),
    **dict.fromkeys(
        (
            "image_snapshot",
            "image_snapshot_pending",
            "image_pending_upload",
            "image_uploading",
            "image_backup",
            "updating_password",
            "rebooting",
            "reboot_pending",
            "reboot_started",
            "rebooting_hard",
            "reboot_pending_hard",
            "reboot_started_hard",
            "pausing",
            "unpausing",
            "suspending",
            "resuming",
            "rescuing",
            "unrescuing",
            *sorted(REBUILDING),
            "shelving",
            "shelving_image_pending_upload",
            "shelving_image_uploading",
            "shelving_offloading",
        ),
        _BY_VM_STATE,
    ),
    # what the owner asked for before the host failed still holds
    "powering-off": _evacuate(End.STOPPED),
    "powering-on": _evacuate(End.ACTIVE),
    **dict.fromkeys(("deleting", "soft-deleting"), _BEING_DELETED),
    "restoring": Rule(
        Action.FAIL,
        reason="the owner was restoring it from soft-delete; restore it again when the host is back",
    ),
    "unshelving": Rule(
        Action.FAIL,
        reason="it was being unshelved, so its disk may be incomplete; reset its state to error and evacuate "
        "it by hand when you know that its disk is whole, else create it again from its shelve image",
    ),
    **dict.fromkeys(
        (
            "migrating",
            "resize_prep",
            "resize_migrating",
            "resize_migrated",
            "resize_finish",
            "resize_reverting",
            "resize_confirming",
        ),
        _BY_MIGRATION,
    ),
}

# Statuses in which the guest is on the source and nowhere else: nothing has been handed over yet, or the
# record has ended without it. A live migration that ended in error may have left it on either host.
_NOT_HANDED_OVER = frozenset({"accepted", "queued", "preparing", "pre-migrating", "failed", "cancelled"})
_NOT_HANDED_OVER_COLD = _NOT_HANDED_OVER | {"error"}


def needs_migration_record(task_state: str | None) -> bool:
    """Return whether the instance was migrating or resizing, so that its record decides."""
    return TASK_STATES.get(task_state or "") is _BY_MIGRATION


def decide(
    vm_state: str,
    task_state: str | None,
    power_state: int,
    host: str,
    migration: Migration | None = None,
) -> Rule:
    """Decide what is done with an instance of a failed host; the end is never AS_POWERED.

    :param vm_state: with task_state and power_state: as when the host failed
    :param host: the failed host
    :param migration: the instance's newest migration record; asked only where
        ``needs_migration_record()`` says so
    """
    rule = VM_STATES.get(vm_state, _unknown("vm_state", vm_state))
    if TASK_STATES.get(task_state or "") is _BEING_DELETED:
        return _BEING_DELETED
    if task_state and rule.action is Action.EVACUATE:
        rule = _by_task(rule, task_state, host, migration)
    if rule.end is End.AS_POWERED:
        was_running = power_state == PowerState.RUNNING
        return dataclasses.replace(rule, end=End.ACTIVE if was_running else End.STOPPED)
    return rule


def _by_task(rule: Rule, task_state: str, host: str, migration: Migration | None) -> Rule:
    by_task = TASK_STATES.get(task_state, _unknown("task_state", task_state))
    if isinstance(by_task, Rule):
        return by_task
    if by_task is _BY_MIGRATION and not _is_only_on(host, task_state, migration):
        return Rule(Action.FAIL, reason=_ask_operator(task_state, host, migration))
    return rule


def _is_only_on(host: str, task_state: str, migration: Migration | None) -> bool:
    if migration is None or task_state == "resize_reverting":
        return False
    if task_state == "resize_confirming":
        # confirming only cleans up the source; the guest runs at the destination, where Nova lists it
        return migration.dest_host == host
    is_live = migration.type == "live-migration"
    statuses = _NOT_HANDED_OVER if is_live else _NOT_HANDED_OVER_COLD
    return migration.source_host == host and migration.status in statuses


def _ask_operator(task_state: str, host: str, migration: Migration | None) -> str:
    if migration is None:
        return (
            f"task_state is {task_state} but Nova shows no migration record; check on which host its disk is"
        )
    other = migration.dest_host if migration.source_host == host else migration.source_host
    return (
        f"a {migration.type} from {migration.source_host} to {migration.dest_host} was under way (record "
        f"{migration.id}, {migration.status}), so the guest may be on {other or 'its destination'} already; "
        "check there: if it does not run there, reset its state to error and notify again"
    )


def _unknown(what: str, value: str) -> Rule:
    return Rule(Action.FAIL, reason=f"{what} {value!r} is not known to this release; evacuate it by hand")


_HEADING = (
    "=================================================",
    "What is done with an instance, and how it ends up",
    "=================================================",
    "",
    ".. Generated by: python -m masakari_lite.recovery.host.states > doc/source/reference/states.rst",
    "",
    "The state in which the host failed decides. A task that the failure interrupted is dropped, where a row",
    "does not say otherwise. An instance in live migration or resize is evacuated only where its migration",
    "record shows that nothing has been handed over to the other host; else its vmove fails and the",
    "message says what to check.",
    "",
)


def describe() -> str:
    """Write the tables as the page doc/source/reference/states.rst of the documentation."""
    lines = [*_HEADING]
    lines += [".. list-table::", "   :header-rows: 1", ""]
    rows = [("state", "action", "ends", "reason")]
    rows += [(f"vm_state {state}", *_cells(rule)) for state, rule in VM_STATES.items()]
    rows += [(f"task_state {state}", *_cells(rule)) for state, rule in TASK_STATES.items()]
    for row in rows:
        lines += [f"   {'* -' if not index else '  -'} {cell}".rstrip() for index, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def _cells(rule: Rule | str) -> tuple[str, str, str]:
    if isinstance(rule, str):
        return (f"as its {rule} says", "", "")
    return (rule.action, rule.end or "", rule.reason)


if __name__ == "__main__":
    print(describe(), end="")  # noqa: T201 - this is the documentation's source
