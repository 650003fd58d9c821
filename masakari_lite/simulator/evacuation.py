"""How Nova evacuates: what it checks, the steps in their order, and how each can fail.

The order matters to whoever watches. task_state becomes None before the instance's host changes, and the host
changes before the migration record turns `done`: task_state alone proves nothing.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from masakari_lite.simulator import errors
from masakari_lite.simulator.models import NO_STATE, RUNNING, SHUTDOWN, Host, Migration, Server, User

if TYPE_CHECKING:
    from masakari_lite.simulator.cloud import Cloud

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


class Sabotage:
    """Which evacuations shall fail, where, and how often still."""

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._unschedulable: collections.Counter[str] = collections.Counter()
        self._unbuildable: collections.Counter[str] = collections.Counter()
        self._share = 0.0

    def no_valid_host(self, uuids: Iterable[str], share: float | None, times: int | None) -> None:
        """Let the scheduler find no host for these servers, or for a share of all evacuations."""
        if share is not None:
            self._share = share
        self._plan(self._unschedulable, uuids, times)

    def fail_rebuild(self, uuids: Iterable[str], times: int | None) -> None:
        """Let the rebuild of these servers fail on the destination."""
        self._plan(self._unbuildable, uuids, times)

    def strikes_scheduling(self, uuid: str) -> bool:
        """Tell whether this scheduling shall fail; counts as one of the times."""
        return self._spend(self._unschedulable, uuid) or (
            self._share > 0 and self._random.random() < self._share
        )

    def strikes_rebuild(self, uuid: str) -> bool:
        """Tell whether this rebuild shall fail; counts as one of the times."""
        return self._spend(self._unbuildable, uuid)

    def _plan(self, plan: collections.Counter[str], uuids: Iterable[str], times: int | None) -> None:
        for uuid in uuids:
            plan[uuid] = 2**31 if times is None else times

    def _spend(self, plan: collections.Counter[str], uuid: str) -> bool:
        if plan[uuid] <= 0:
            return False
        plan[uuid] -= 1
        return True


def evacuate(
    cloud: Cloud,
    server: Server,
    host: str | None,
    *,
    stop_after: bool,
    is_forced: bool = False,
    is_on_shared_storage: bool = False,
    caller: User | None = None,
) -> Migration:
    """Accept an evacuation, as Nova's API does, and have it happen.

    :param host: the destination the caller wants; None leaves it to the scheduler
    :param stop_after: leave the instance stopped (microversion 2.95)
    :param is_forced: don't ask the scheduler whether that host will do (before 2.29, or with `force`)
    :param is_on_shared_storage: the caller says that the destination has the disk (before 2.14)
    :param caller: who asks for it; None is the service user
    :raises ApiError: 400, 404 or 409, in the order in which Nova checks
    """
    if host is not None and host not in cloud.hosts:
        raise errors.ApiError(404, f"Compute host {host} not found.")
    if host == server.host:
        raise errors.bad_request("The target host can't be the same one.")
    if server.vm_state not in EVACUABLE:
        raise errors.wrong_state("evacuate", server.uuid, "vm_state", server.vm_state)
    source = cloud.hosts[server.host]
    if cloud.is_up(source):
        raise errors.bad_request(f"Compute service of {source.name} is still in use.")
    # Nova itself accepts a second evacuate (its bug 1978983): so do we, and remember it
    migration = cloud.new_migration(server, "evacuation", "accepted", source.name, host, caller)
    running = cloud.running.setdefault(server.uuid, [])
    migration.overlapped = bool(running)
    migration.host_was_alive = source.alive
    migration.service_was_up = cloud.is_up(source)
    migration.accepted = cloud.now
    running.append(migration)
    cloud.update(server, task_state="rebuilding")
    cloud.note("evacuation", server.uuid, "overlaps another" if migration.overlapped else "accepted")
    wanted = _Wanted(host, is_forced, is_on_shared_storage, stop_after)
    _Evacuation(cloud, server, migration, wanted).begin()
    return migration


@dataclasses.dataclass(frozen=True)
class _Wanted:
    """How an evacuation was asked for: see evacuate()."""

    host: str | None
    is_forced: bool
    is_on_shared_storage: bool
    stop_after: bool


class _Evacuation:
    """One evacuation on its way."""

    def __init__(self, cloud: Cloud, server: Server, migration: Migration, wanted: _Wanted) -> None:
        self.cloud = cloud
        self.server = server
        self.migration = migration
        self.wanted = wanted
        self.ends_stopped = server.vm_state == "stopped" or (wanted.stop_after and server.vm_state != "error")
        self.dest: Host | None = None
        self.started = cloud.now
        self.latency = self._draw_latency()

    def begin(self) -> None:
        self._at(SCHEDULED, self._schedule)

    def _draw_latency(self) -> float:
        options = self.cloud.options
        spread = options.evacuation_jitter * self.cloud.chance.uniform(-1, 1)
        return max(0.0, options.evacuation_latency * (1 + spread))

    def _at(self, share: float, step: Callable[[], None]) -> None:
        self.cloud.after(max(0.0, self.started + share * self.latency - self.cloud.now), step)

    def _schedule(self) -> None:
        # nobody looks at task_state before the destination has claimed it
        if self._is_abandoned():
            return
        self.dest = self._choose_host()
        if self.dest is None:
            self._no_valid_host()
            return
        self.dest.reserved += 1
        self._record("pre-migrating", dest_compute=self.dest.name, dest_node=self.dest.node)
        self._at(PREPARED, self._prepare)

    def _choose_host(self) -> Host | None:
        if not self.wanted.is_forced and self.cloud.sabotage.strikes_scheduling(self.server.uuid):
            return None
        load = collections.Counter(
            server.host for server in self.cloud.servers.values() if not server.deleted
        )
        fit = [host for host in self.cloud.hosts.values() if self._fits(host, load[host.name])]
        return min(fit, key=lambda host: (load[host.name] + host.reserved, host.id), default=None)

    def _fits(self, host: Host, instances: int) -> bool:
        if host.name == self.server.host or self.wanted.host not in (None, host.name):
            return False
        room = math.inf if host.capacity is None else host.capacity
        # Placement refuses who has no room, whoever asks
        return instances + host.reserved < room and (self.wanted.is_forced or self._is_offered(host))

    def _is_offered(self, host: Host) -> bool:
        return self.cloud.is_up(host) and not (host.disabled or host.disabled_trait)

    def _no_valid_host(self) -> None:
        self._record("error")
        fault = self.cloud.fault(NO_VALID_HOST)
        self.cloud.update(self.server, vm_state="error", task_state=None, fault=fault)
        self._finish("no valid host")

    def _prepare(self) -> None:
        if self._is_abandoned():
            return
        if self.wanted.is_on_shared_storage:
            # here each host has disks of its own
            self._fail(NOT_SHARED)
            return
        if self._save("rebuilding", task_state="rebuilding", power_state=NO_STATE):
            self.cloud.update(self.server, task_state="rebuild_block_device_mapping")
            self._at(SPAWNING, self._spawn)

    def _spawn(self) -> None:
        if self._is_abandoned():
            return
        if not self._save("rebuild_block_device_mapping", task_state="rebuild_spawning"):
            return
        if self.cloud.sabotage.strikes_rebuild(self.server.uuid):
            self._fail("The simulator was told to fail this rebuild.")
            return
        self._at(SPAWNED, self._spawned)

    def _spawned(self) -> None:
        if self._is_abandoned():
            return
        # Nova makes even an instance that was stopped ACTIVE first, then stops it
        active = {"vm_state": "active", "task_state": None, "power_state": RUNNING, "fault": None}
        if not self._save("rebuild_spawning", **active):
            return
        if self.ends_stopped:
            self._at(STOPPING, self._power_off)
        else:
            self._at(MOVED, self._move)

    def _power_off(self) -> None:
        # whatever task somebody began in between is written over
        if self._is_abandoned():
            return
        self.cloud.update(self.server, task_state="powering-off")
        self._at(STOPPED, self._stop)

    def _stop(self) -> None:
        if self._is_abandoned():
            return
        stopped = {"vm_state": "stopped", "task_state": None, "power_state": SHUTDOWN}
        if self._save("powering-off", **stopped):
            self._at(MOVED, self._move)

    def _move(self) -> None:
        # no task_state is expected any more: what an owner began meanwhile was told to the dead host, and
        # stays as it is
        if self.server.deleted:
            self._fail("")
            return
        assert self.dest is not None
        self.dest.reserved -= 1
        self.cloud.update(self.server, host=self.dest.name)
        self.dest = None
        self._at(DONE, self._done)

    def _done(self) -> None:
        self._record("done")
        self._finish(f"done, on {self.migration.dest_compute}")

    def _is_abandoned(self) -> bool:
        """Give up when the instance is gone, or the destination."""
        if self.server.deleted:
            self._fail("")
        elif self.dest is not None and not self.dest.alive:
            # the destination died with the guest on its way: nobody is left to end this record
            self._abandon()
        else:
            return False
        return True

    def _save(self, expected: str, **changes: Any) -> bool:
        """Change the instance, unless somebody has changed its task_state; tell whether it was changed.

        Nova gives up then. When it saves that the instance is in error, it saves what it was refused, too: an
        instance that was reset is left with a task_state that stays. Of two evacuations that get in each
        other's way either end was seen; here no task_state is left.
        """
        actual = self.server.task_state
        if actual == expected:
            self.cloud.update(self.server, **changes)
            return True
        self._fail(
            f"Conflict updating instance {self.server.uuid}. Expected: {{'task_state': ['{expected}']}}. "
            f"Actual: {{'task_state': {actual!r}}}",
            **({} if self._is_one_of_two() else changes),
        )
        return False

    def _is_one_of_two(self) -> bool:
        records = [record for record in self.cloud.migrations if record.instance_uuid == self.server.uuid]
        return any(record.overlapped for record in records)

    def _fail(self, why: str, **changes: Any) -> None:
        self._record("failed")
        if not self.server.deleted:
            changes = {"task_state": None, **changes, "vm_state": "error", "fault": self.cloud.fault(why)}
            self.cloud.update(self.server, **changes)
        self._finish(f"failed: {why or 'the instance was deleted'}")

    def _abandon(self) -> None:
        self._finish("stuck: its destination died")

    def _record(self, status: str, **changes: str) -> None:
        self.cloud.set_migration(self.migration, status=status, **changes)

    def _finish(self, text: str) -> None:
        if self.dest is not None:
            self.dest.reserved -= 1
            self.dest = None
        self.migration.ended = self.cloud.now
        running = self.cloud.running.get(self.server.uuid, [])
        if self.migration in running:
            running.remove(self.migration)
        self.cloud.note("evacuation", self.server.uuid, text)


def check_may_be_forced_up(cloud: Cloud, host: Host) -> None:
    """Refuse to lift forced_down before the restarted compute has seen to its evacuated guests.

    :raises ApiError: 400
    """
    if any(
        migration.source_compute == host.name and migration.status == "done" and _is_evacuation(migration)
        for migration in cloud.visible_migrations()
    ):
        raise errors.bad_request(
            f"Unable to force up host {host.name} as `done` evacuation migration records remain associated "
            "with the host. Ensure the compute service has been restarted, allowing these records to move to "
            "`completed` before retrying this request."
        )


def clean_up_source(cloud: Cloud, host: Host) -> list[str]:
    """Let a compute that came back complete the evacuations away from it; return whose evacuation still ran.

    It destroys the guests of those too: its copy of a guest that has not arrived anywhere yet is gone.
    """
    early = []
    for migration in cloud.visible_migrations():
        if migration.source_compute != host.name or not _is_evacuation(migration):
            continue
        if migration.is_running:
            early.append(migration.instance_uuid)
        if migration.is_running or migration.status == "done":
            cloud.set_migration(migration, status="completed")
    return early


def _is_evacuation(migration: Migration) -> bool:
    return migration.migration_type == "evacuation"
