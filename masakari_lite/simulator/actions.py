"""What owners and operators do to single instances, with the checks Nova makes, in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from masakari_lite.simulator import errors
from masakari_lite.simulator.models import PAUSED_POWER, RUNNING, SHUTDOWN, Host, Server, Token

if TYPE_CHECKING:
    from masakari_lite.simulator.cloud import Cloud

POWER_STATES = {"active": RUNNING, "stopped": SHUTDOWN, "paused": PAUSED_POWER, "suspended": SHUTDOWN}

# action: (vm_states it starts from, task_state on the way, vm_state at the end)
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
    """Refuse a normal user's call to a locked instance, its own lock included; an admin passes.

    :raises ApiError: 409
    """
    if server.locked and not token.is_admin:
        raise errors.locked(server.uuid)


def check_state(action: str, server: Server, vm_states: frozenset[str]) -> None:
    """Refuse an action unless vm_state is one of these and no task is going on.

    :raises ApiError: 409
    """
    if server.vm_state not in vm_states:
        raise errors.wrong_state(action, server.uuid, "vm_state", server.vm_state)
    if server.task_state is not None:
        raise errors.wrong_state(action, server.uuid, "task_state", server.task_state)


def lock(cloud: Cloud, server: Server, token: Token, reason: str | None) -> None:
    """Lock an instance: for "owner" if the token's project is the instance's own, else for "admin".

    An owner's lock on top of any lock changes nothing; an admin's takes it over, with its reason if it has
    one.
    """
    is_owner = token.project == server.project
    if server.locked and is_owner:
        return
    locked_by = "owner" if is_owner else "admin"
    server.relocked_by_owner = server.relocked_by_owner or not token.is_admin
    cloud.update(server, locked_by=locked_by, locked_reason=reason or server.locked_reason)
    server.was_locked_by_admin = server.was_locked_by_admin or not is_owner
    cloud.note("server", server.uuid, f"locked by {locked_by}")


def unlock(cloud: Cloud, server: Server, token: Token) -> None:
    """Unlock an instance.

    :raises ApiError: 403 when the owner tries to undo an admin's lock
    """
    if server.locked_by == "admin" and not token.is_admin:
        raise errors.policy_forbids("os_compute_api:os-lock-server:unlock:unlock_override")
    server.relocked_by_owner = server.relocked_by_owner or not token.is_admin
    cloud.update(server, locked_by=None, locked_reason=None)
    cloud.note("server", server.uuid, "unlocked")


def change_power(cloud: Cloud, action: str, server: Server, token: Token) -> None:
    """Begin one of TRANSITIONS: at once 202, the rest when the host gets to it, if it lives.

    :raises ApiError: 409 for a locked instance or a wrong state
    """
    vm_states, task_state, goal = TRANSITIONS[action]
    # createBackup (and a rename) pass a lock: Nova does not check it there
    if action != "createBackup":
        check_lock(server, token)
    check_state(action, server, vm_states)
    cloud.update(server, task_state=task_state)
    _cast(cloud, server, task_state, lambda: _arrive(cloud, server, goal))


def reboot(cloud: Cloud, server: Server, token: Token, *, hard: bool) -> None:
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
    cloud.update(server, task_state=task_state)
    _cast(cloud, server, task_state, lambda: _arrive(cloud, server, "active"))


def delete(cloud: Cloud, server: Server, token: Token) -> None:
    """Delete an instance: at once from the database when its host is down, else by its host.

    :raises ApiError: 409 for a locked instance
    """
    check_lock(server, token)
    if not cloud.is_up(cloud.hosts[server.host]):
        cloud.destroy(server)
        return
    cloud.update(server, task_state="deleting")
    host = cloud.hosts[server.host]
    if not host.alive:
        host.told_to_delete.append(server.uuid)
    _cast(cloud, server, "deleting", lambda: cloud.destroy(server))


def reset_state(cloud: Cloud, server: Server, vm_state: str) -> None:
    """Set vm_state to "active" or "error" and forget any task; the guest itself is not touched."""
    cloud.update(server, vm_state=vm_state, task_state=None)
    cloud.note("server", server.uuid, f"reset to {vm_state}")


def set_metadata(cloud: Cloud, server: Server, token: Token, metadata: dict[str, str]) -> dict[str, str]:
    """Add metadata to an instance; return all it has.

    :raises ApiError: 409 for a locked instance or a wrong vm_state
    """
    check_lock(server, token)
    if server.vm_state not in METADATA_STATES:
        raise errors.wrong_state("update metadata", server.uuid, "vm_state", server.vm_state)
    cloud.update(server, metadata={**server.metadata, **metadata})
    return server.metadata


def resume_on(cloud: Cloud, host: Host) -> None:
    """Let a compute that came back take up what it was told to do when it died.

    A delete waits in its queue and hits the instance wherever that is by then. Of others nothing comes for an
    instance that has left.
    """
    for uuid in host.told_to_delete:
        if not cloud.servers[uuid].deleted:
            cloud.destroy(cloud.servers[uuid])
    host.told_to_delete.clear()
    ends: dict[str, str | None] = {
        task: goal for _from, task, goal in TRANSITIONS.values() if task != "rebuilding"
    }
    ends |= {"rebooting": "active", "rebooting_hard": "active"}
    for server in cloud.servers_on(host.name):
        task = server.task_state
        if task == "deleting":
            cloud.destroy(server)
        elif task in ends:
            _arrive(cloud, server, ends[task])


def _cast(cloud: Cloud, server: Server, task_state: str, effect: Callable[[], None]) -> None:
    """Tell the instance's present host to do something; a host that is dead by then does nothing."""
    host = cloud.hosts[server.host]

    def do() -> None:
        if host.alive and not server.deleted and server.task_state == task_state:
            effect()

    cloud.after(cloud.options.action_latency, do)


def _arrive(cloud: Cloud, server: Server, goal: str | None) -> None:
    changes: dict[str, Any] = {"task_state": None}
    if goal is not None:
        changes |= {"vm_state": goal, "power_state": POWER_STATES[goal], "fault": None}
    elif server.vm_state == "error":
        changes |= {"vm_state": "active", "power_state": RUNNING, "fault": None}
    cloud.update(server, **changes)
