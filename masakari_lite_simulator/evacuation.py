"""How Nova evacuates an instance: what it checks, the steps in their order, and how each can fail.

The order matters to clients. task_state becomes None before the instance's host changes, and the host changes
before the migration record turns `done`: task_state alone does not show that the evacuation is completed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from masakari_lite_simulator import errors, scheduler
from masakari_lite_simulator.models import NO_STATE, RUNNING, SHUTDOWN, Host, Migration, Server, User
from masakari_lite_simulator.state import CloudState

EVACUABLE = frozenset({"active", "stopped", "error"})

# When each step comes, as a share of evacuation_latency.
SCHEDULED, PREPARED, SPAWNING, SPAWNED, STOPPING, STOPPED, MOVED, DONE = (
    0.2,
    0.3,
    0.4,
    0.8,
    0.85,
    0.9,
    0.95,
    1.0,
)

NO_VALID_HOST = "No valid host was found. There are not enough hosts available."
NOT_SHARED = "Invalid state of instance files on shared storage"


def evacuate(
    state: CloudState,
    server: Server,
    host: str | None,
    *,
    stop_after: bool,
    is_forced: bool = False,
    is_on_shared_storage: bool = False,
    caller: User | None = None,
) -> Migration:
    """Accept an evacuation, as Nova's API does, and begin it.

    :param host: the destination that the request names; None leaves it to the scheduler
    :param stop_after: leave the instance stopped (microversion 2.95)
    :param is_forced: do not ask the scheduler about that host (before 2.29, or with `force`)
    :param is_on_shared_storage: the request claims that the destination has the disk (before 2.14)
    :param caller: who requests it; None is the service user
    :raises ApiError: 400, 404 or 409, in the order in which Nova checks
    """
    if host is not None and host not in state.hosts:
        raise errors.ApiError(404, f"Compute host {host} not found.")
    if host == server.host:
        raise errors.bad_request("The target host can't be the same one.")
    if server.vm_state not in EVACUABLE:
        raise errors.wrong_state("evacuate", server.uuid, "vm_state", server.vm_state)
    source = state.hosts[server.host]
    if state.is_up(source):
        raise errors.bad_request(f"Compute service of {source.name} is still in use.")
    # Nova accepts a second evacuate while one is running (its bug 1978983): so does this, and records it
    migration = state.new_migration(server, "evacuation", "accepted", source.name, host, caller)
    running = state.running.setdefault(server.uuid, [])
    migration.overlapped = bool(running)
    migration.host_was_alive = source.alive
    migration.service_was_up = state.is_up(source)
    migration.accepted = state.now
    running.append(migration)
    state.update(server, task_state="rebuilding")
    state.record_event("evacuation", server.uuid, "overlaps another" if migration.overlapped else "accepted")
    arguments = _Arguments(host, is_forced, is_on_shared_storage, stop_after)
    _Evacuation(state, server, migration, arguments).begin()
    return migration


@dataclasses.dataclass(frozen=True)
class _Arguments:
    """The arguments of evacuate()."""

    host: str | None
    is_forced: bool
    is_on_shared_storage: bool
    stop_after: bool


class _Evacuation:
    """One evacuation: each step changes the state and schedules the next."""

    def __init__(
        self, state: CloudState, server: Server, migration: Migration, arguments: _Arguments
    ) -> None:
        self.state = state
        self.server = server
        self.migration = migration
        self.arguments = arguments
        self.stops_after = server.vm_state == "stopped" or (
            arguments.stop_after and server.vm_state != "error"
        )
        self.dest: Host | None = None
        self.started = state.now
        self.latency = self._draw_latency()

    def begin(self) -> None:
        self._at(SCHEDULED, self._schedule)

    def _draw_latency(self) -> float:
        options = self.state.options
        spread = options.evacuation_jitter * self.state.random.uniform(-1, 1)
        return max(0.0, options.evacuation_latency * (1 + spread))

    def _at(self, share: float, step: Callable[[], None]) -> None:
        self.state.after(max(0.0, self.started + share * self.latency - self.state.now), step)

    def _schedule(self) -> None:
        # Nova does not check task_state before the destination has claimed the instance
        if self._finish_if_lost():
            return
        arguments = self.arguments
        self.dest = scheduler.choose_host(self.state, self.server, arguments.host, arguments.is_forced)
        if self.dest is None:
            self._fail_without_host()
            return
        self.dest.reserved += 1
        self._record("pre-migrating", dest_compute=self.dest.name, dest_node=self.dest.node)
        self._at(PREPARED, self._prepare)

    def _fail_without_host(self) -> None:
        self._record("error")
        fault = self.state.fault(NO_VALID_HOST)
        self.state.update(self.server, vm_state="error", task_state=None, fault=fault)
        self._finish("no valid host")

    def _prepare(self) -> None:
        if self._finish_if_lost():
            return
        if self.arguments.is_on_shared_storage:
            # simulated hosts share no disks
            self._fail(NOT_SHARED)
            return
        if self._save("rebuilding", task_state="rebuilding", power_state=NO_STATE):
            self.state.update(self.server, task_state="rebuild_block_device_mapping")
            self._at(SPAWNING, self._spawn)

    def _spawn(self) -> None:
        if self._finish_if_lost():
            return
        if not self._save("rebuild_block_device_mapping", task_state="rebuild_spawning"):
            return
        if self.state.planned_failures.fails_rebuild(self.server.uuid):
            self._fail("This rebuild fails as planned in the simulator.")
            return
        self._at(SPAWNED, self._complete_spawn)

    def _complete_spawn(self) -> None:
        if self._finish_if_lost():
            return
        # Nova first makes even an instance that was stopped ACTIVE, then stops it
        active = {"vm_state": "active", "task_state": None, "power_state": RUNNING, "fault": None}
        if not self._save("rebuild_spawning", **active):
            return
        if self.stops_after:
            self._at(STOPPING, self._power_off)
        else:
            self._at(MOVED, self._change_host)

    def _power_off(self) -> None:
        # overwrites the task_state of any action that was requested since
        if self._finish_if_lost():
            return
        self.state.update(self.server, task_state="powering-off")
        self._at(STOPPED, self._stop)

    def _stop(self) -> None:
        if self._finish_if_lost():
            return
        stopped = {"vm_state": "stopped", "task_state": None, "power_state": SHUTDOWN}
        if self._save("powering-off", **stopped):
            self._at(MOVED, self._change_host)

    def _change_host(self) -> None:
        # Nova expects no task_state here: one that an owner's action has set since stays, as its host is dead
        if self.server.deleted:
            self._fail("")
            return
        assert self.dest is not None
        self.dest.reserved -= 1
        self.state.update(self.server, host=self.dest.name)
        self.dest = None
        self._at(DONE, self._complete)

    def _complete(self) -> None:
        self._record("done")
        self._finish(f"done, on {self.migration.dest_compute}")

    def _finish_if_lost(self) -> bool:
        """Finish when the instance was deleted or the destination has died; return whether that is so."""
        if self.server.deleted:
            self._fail("")
        elif self.dest is not None and not self.dest.alive:
            # no compute is left to change the record: it keeps its status
            self._finish("stuck: its destination died")
        else:
            return False
        return True

    def _save(self, expected: str, **changes: Any) -> bool:
        """Change the instance, unless its task_state was changed by others; return whether it was saved.

        When it was changed, Nova gives the evacuation up. It saves the refused changes together with the
        instance's error: an instance that was reset is left with a task_state that stays. For two overlapping
        evacuations real Novas show both outcomes; here no task_state is left.
        """
        actual = self.server.task_state
        if actual == expected:
            self.state.update(self.server, **changes)
            return True
        self._fail(
            f"Conflict updating instance {self.server.uuid}. Expected: {{'task_state': ['{expected}']}}. "
            f"Actual: {{'task_state': {actual!r}}}",
            **({} if self._overlaps() else changes),
        )
        return False

    def _overlaps(self) -> bool:
        records = [record for record in self.state.migrations if record.instance_uuid == self.server.uuid]
        return any(record.overlapped for record in records)

    def _fail(self, why: str, **changes: Any) -> None:
        self._record("failed")
        if not self.server.deleted:
            changes = {"task_state": None, **changes, "vm_state": "error", "fault": self.state.fault(why)}
            self.state.update(self.server, **changes)
        self._finish(f"failed: {why or 'the instance was deleted'}")

    def _record(self, status: str, **changes: str) -> None:
        self.state.set_migration(self.migration, status=status, **changes)

    def _finish(self, text: str) -> None:
        if self.dest is not None:
            self.dest.reserved -= 1
            self.dest = None
        self.migration.finished = self.state.now
        running = self.state.running.get(self.server.uuid, [])
        if self.migration in running:
            running.remove(self.migration)
        self.state.record_event("evacuation", self.server.uuid, text)
