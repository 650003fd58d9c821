"""Actions of owners and operators on one instance, with the checks Nova makes, in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from masakari_lite_simulator import errors
from masakari_lite_simulator.models import PAUSED_POWER, RUNNING, SHUTDOWN, Host, Server, Token
from masakari_lite_simulator.state import CloudState

POWER_STATES = {"active": RUNNING, "stopped": SHUTDOWN, "paused": PAUSED_POWER, "suspended": SHUTDOWN}

# action: (vm_states it is allowed in, task_state while it runs, vm_state afterwards)
TRANSITIONS: dict[str, tuple[frozenset[str], str, str | None]] = {
    "stop": (frozenset({"active", "error"}), "powering-off", "stopped"),
    "start": (frozenset({"stopped"}), "powering-on", "active"),
    "pause": (frozenset({"active"}), "pausing", "paused"),
    "unpause": (frozenset({"paused"}), "unpausing", "active"),
    "suspend": (frozenset({"active"}), "suspending", "suspended"),
    "resume": (frozenset({"suspended"}), "resuming", "active"),
    "rebuild": (frozenset({"active", "stopped", "error"}), "rebuilding", None),
    "createBackup": (frozenset({"active", "stopped", "paused", "suspended"}), "image_backup", None),
}

SOFT_REBOOT_FROM = frozenset({"active"})
HARD_REBOOT_FROM = frozenset({"active", "stopped", "paused", "suspended", "error"})
# a hard reboot may interrupt these
HARD_REBOOT_TASKS = frozenset(
    {None, "rebooting", "reboot_started", "rebooting_hard", "resuming", "unpausing", "pausing"}
)

METADATA_STATES = frozenset({"active", "paused", "suspended", "stopped"})


def check_lock(server: Server, token: Token) -> None:
    """Refuse a normal user's request for a locked instance, also when that user locked it; allow an admin's.

    :raises ApiError: 409
    """
    if server.locked and not token.is_admin:
        raise errors.locked(server.uuid)


def check_state(action: str, server: Server, vm_states: frozenset[str]) -> None:
    """Refuse an action unless vm_state is one of these and task_state is None.

    :raises ApiError: 409
    """
    if server.vm_state not in vm_states:
        raise errors.wrong_state(action, server.uuid, "vm_state", server.vm_state)
    if server.task_state is not None:
        raise errors.wrong_state(action, server.uuid, "task_state", server.task_state)


def lock(state: CloudState, server: Server, token: Token, reason: str | None) -> None:
    """Lock an instance: for "owner" if the token's project is the instance's own, else for "admin".

    An owner's lock of an instance that is locked changes nothing; an admin's replaces the lock, and the
    reason if it gives one.
    """
    is_owner = token.project == server.project
    if server.locked and is_owner:
        return
    locked_by = "owner" if is_owner else "admin"
    server.relocked_by_owner = server.relocked_by_owner or not token.is_admin
    state.update(server, locked_by=locked_by, locked_reason=reason or server.locked_reason)
    server.was_locked_by_admin = server.was_locked_by_admin or not is_owner
    state.record_event("server", server.uuid, f"locked by {locked_by}")


def unlock(state: CloudState, server: Server, token: Token) -> None:
    """Unlock an instance.

    :raises ApiError: 403 when the owner unlocks what an admin has locked
    """
    if server.locked_by == "admin" and not token.is_admin:
        raise errors.policy_forbids("os_compute_api:os-lock-server:unlock:unlock_override")
    server.relocked_by_owner = server.relocked_by_owner or not token.is_admin
    state.update(server, locked_by=None, locked_reason=None)
    state.record_event("server", server.uuid, "unlocked")


def change_power(state: CloudState, action: str, server: Server, token: Token) -> None:
    """Begin one of TRANSITIONS; the instance's host completes it action_latency later, if it is alive.

    :raises ApiError: 409 for a locked instance or a wrong state
    """
    vm_states, task_state, goal = TRANSITIONS[action]
    # Nova does not check the lock for createBackup (nor for a rename)
    if action != "createBackup":
        check_lock(server, token)
    check_state(action, server, vm_states)
    state.update(server, task_state=task_state)
    _cast(state, server, task_state, lambda: _complete(state, server, goal))


def reboot(state: CloudState, server: Server, token: Token, *, hard: bool) -> None:
    """Begin a reboot.

    :raises ApiError: 409 for a locked instance or a wrong state
    """
    check_lock(server, token)
    if not hard:
        check_state("reboot", server, SOFT_REBOOT_FROM)
    elif server.vm_state not in HARD_REBOOT_FROM:
        raise errors.wrong_state("reboot", server.uuid, "vm_state", server.vm_state)
    elif server.task_state not in HARD_REBOOT_TASKS:
        raise errors.wrong_state("reboot", server.uuid, "task_state", server.task_state)
    task_state = "rebooting_hard" if hard else "rebooting"
    state.update(server, task_state=task_state)
    _cast(state, server, task_state, lambda: _complete(state, server, "active"))


def delete(state: CloudState, server: Server, token: Token) -> None:
    """Delete an instance: from the database at once when its host is down, otherwise by its host.

    :raises ApiError: 409 for a locked instance
    """
    check_lock(server, token)
    if not state.is_up(state.hosts[server.host]):
        state.destroy(server)
        return
    state.update(server, task_state="deleting")
    host = state.hosts[server.host]
    if not host.alive:
        host.queued_deletes.append(server.uuid)
    _cast(state, server, "deleting", lambda: state.destroy(server))


def reset_state(state: CloudState, server: Server, vm_state: str) -> None:
    """Set vm_state to "active" or "error" and task_state to None; the guest itself does not change."""
    state.update(server, vm_state=vm_state, task_state=None)
    state.record_event("server", server.uuid, f"reset to {vm_state}")


def set_metadata(state: CloudState, server: Server, token: Token, metadata: dict[str, str]) -> dict[str, str]:
    """Add metadata to an instance; return all it has.

    :raises ApiError: 409 for a locked instance or a wrong vm_state
    """
    check_lock(server, token)
    if server.vm_state not in METADATA_STATES:
        raise errors.wrong_state("update metadata", server.uuid, "vm_state", server.vm_state)
    state.update(server, metadata={**server.metadata, **metadata})
    return server.metadata


def resume_on(state: CloudState, host: Host) -> None:
    """Let a restarted compute carry out the actions that were requested before and while it was dead.

    A delete waits in its queue and deletes the instance wherever that is by then. The others are dropped for
    an instance that is on another host.
    """
    for uuid in host.queued_deletes:
        if not state.servers[uuid].deleted:
            state.destroy(state.servers[uuid])
    host.queued_deletes.clear()
    goals: dict[str, str | None] = {
        task: goal for _from, task, goal in TRANSITIONS.values() if task != "rebuilding"
    }
    goals |= {"rebooting": "active", "rebooting_hard": "active"}
    for server in state.servers_on(host.name):
        task = server.task_state
        if task == "deleting":
            state.destroy(server)
        elif task in goals:
            _complete(state, server, goals[task])


def _cast(state: CloudState, server: Server, task_state: str, effect: Callable[[], None]) -> None:
    """Call the instance's host without waiting; it does nothing when it is dead after action_latency."""
    host = state.hosts[server.host]

    def do() -> None:
        if host.alive and not server.deleted and server.task_state == task_state:
            effect()

    state.after(state.options.action_latency, do)


def _complete(state: CloudState, server: Server, goal: str | None) -> None:
    changes: dict[str, Any] = {"task_state": None}
    if goal is not None:
        changes |= {"vm_state": goal, "power_state": POWER_STATES[goal], "fault": None}
    elif server.vm_state == "error":
        changes |= {"vm_state": "active", "power_state": RUNNING, "fault": None}
    state.update(server, **changes)
