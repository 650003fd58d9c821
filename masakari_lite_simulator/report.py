"""The report on the recovery of a failed host, from the cloud's state, not from the engine's journal."""

from __future__ import annotations

import dataclasses
from typing import Any

from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.models import RUNNING, Migration, Server, Snapshot
from masakari_lite_simulator.requestlog import RequestLog

EXPECTED_STATE = {
    "active": "active",
    "stopped": "stopped",
    "error": "error",
    "paused": "stopped",
    "suspended": "stopped",
    "rescued": "stopped",
    "shelved": "stopped",
}
"""The vm_state that an evacuated instance must have, by its vm_state before."""

EXPECTED_BY_TASK = {"powering-off": "stopped", "powering-on": "active"}
"""The same, by the task_state that an action of its owner had set before."""

ENGINE_MARK = "masakari"
"""What the reason of the engine's own locks contains."""


@dataclasses.dataclass
class InstanceReport:
    """The recovery of one instance.

    :ivar host_now: None when it was deleted
    :ivar evacuations: how many were accepted; `overlapped` of them while another was running
    :ivar statuses: the statuses of their migration records, oldest first
    :ivar left_locked: it has a lock of the engine
    :ivar owner_lock_kept: the lock it had before is unchanged; None when it had none or its owner changed it
    :ivar changed_by_owner: the normal users' accepted requests since the failure that changed its state
    :ivar disturbed_by: those of them during an evacuation: a lock should have refused them
    """

    uuid: str
    name: str
    host_now: str | None
    vm_state_before: str
    vm_state_now: str
    power_state_now: int
    task_state_now: str | None
    evacuations: int
    overlapped: int
    statuses: list[str]
    locked_by_before: str | None
    locked_by_now: str | None
    locked_reason_now: str | None
    left_locked: bool
    owner_lock_kept: bool | None
    changed_by_owner: list[str]
    disturbed_by: list[str]


@dataclasses.dataclass
class Report:
    """The recovery of a failed host's instances; times in seconds."""

    host: str
    failed_since: float
    recovery_time: float | None
    instances: list[InstanceReport]
    evacuations_accepted: int
    evacuations_overlapped: int
    evacuations_while_host_alive: int
    evacuations_while_service_up: int
    returned_while_evacuating: list[str]
    owner_actions: dict[str, dict[str, int]]
    requests: dict[str, int]
    tokens_issued: dict[str, int]
    violations: list[str]

    @property
    def moved(self) -> list[InstanceReport]:
        """The instances that are on another host now."""
        return [instance for instance in self.instances if instance.host_now not in (None, self.host)]

    @property
    def left_behind(self) -> list[InstanceReport]:
        """The instances that are still on the failed host."""
        return [instance for instance in self.instances if instance.host_now == self.host]

    @property
    def left_locked(self) -> list[InstanceReport]:
        """The instances that have a lock of the engine."""
        return [instance for instance in self.instances if instance.left_locked]

    def to_dict(self) -> dict[str, Any]:
        """Return the report, for JSON."""
        counts = {
            "moved": len(self.moved),
            "left_behind": len(self.left_behind),
            "left_locked": len(self.left_locked),
        }
        return dataclasses.asdict(self) | counts


def build_report(cloud: Cloud, log: RequestLog, host: str) -> Report:
    """Report on a host since its last failure.

    :raises KeyError: when it never failed
    """
    with cloud.up_to_date():
        failed_at, guests = cloud.host_failures[host]
        records = [
            record
            for record in cloud.migrations
            if record.source_compute == host
            and record.migration_type == "evacuation"
            and record.accepted >= failed_at
        ]
        since = cloud.clock.wall(failed_at)
        instances = [_report_instance(cloud, log, guest, records, since) for guest in guests.values()]
        early = list(cloud.returned_early.get(host, ()))
        return Report(
            host=host,
            failed_since=cloud.now - failed_at,
            recovery_time=_recovery_time(records, failed_at),
            instances=instances,
            evacuations_accepted=len(records),
            evacuations_overlapped=sum(record.overlapped for record in records),
            evacuations_while_host_alive=sum(record.host_was_alive for record in records),
            evacuations_while_service_up=sum(record.service_was_up for record in records),
            returned_while_evacuating=early,
            owner_actions=log.owner_actions(),
            requests=log.by_kind(),
            tokens_issued=dict(cloud.identity.issued),
            violations=_violations(cloud, guests, instances, records, early),
        )


def _recovery_time(records: list[Migration], failed_at: float) -> float | None:
    """Return the seconds from the failure to the last evacuation's end; None while one is running."""
    if not records or any(record.finished is None for record in records):
        return None
    return max(record.finished or 0.0 for record in records) - failed_at


def _report_instance(
    cloud: Cloud, log: RequestLog, before: Snapshot, records: list[Migration], since: float
) -> InstanceReport:
    server = cloud.servers[before.uuid]
    changes = log.changes_by_owner(before.uuid, since)
    own_records = [record for record in records if record.instance_uuid == before.uuid]
    return InstanceReport(
        uuid=server.uuid,
        name=server.name,
        host_now=None if server.deleted else server.host,
        vm_state_before=before.vm_state,
        vm_state_now=server.vm_state,
        power_state_now=server.power_state,
        task_state_now=server.task_state,
        evacuations=len(own_records),
        overlapped=sum(record.overlapped for record in own_records),
        statuses=[record.status for record in own_records],
        locked_by_before=before.locked_by,
        locked_by_now=server.locked_by,
        locked_reason_now=server.locked_reason,
        left_locked=_is_left_locked(before, server),
        owner_lock_kept=_is_lock_kept(before, server),
        changed_by_owner=[change.kind for change in changes],
        disturbed_by=[change.kind for change in changes if change.during_evacuation],
    )


def _is_left_locked(before: Snapshot, server: Server) -> bool:
    if server.deleted or not server.locked:
        return False
    by_admin = server.locked_by == "admin" and before.locked_by != "admin"
    marked = ENGINE_MARK in (server.locked_reason or "") and server.locked_reason != before.locked_reason
    return by_admin or marked


def _is_lock_kept(before: Snapshot, server: Server) -> bool | None:
    """Return whether a lock from before is unchanged; None when there was none, or its owner changed it."""
    if before.locked_by is None or server.deleted or server.relocked_by_owner:
        return None
    return (before.locked_by, before.locked_reason) == (server.locked_by, server.locked_reason)


def _violations(
    cloud: Cloud,
    guests: dict[str, Snapshot],
    instances: list[InstanceReport],
    records: list[Migration],
    early: list[str],
) -> list[str]:
    found = []
    for record in records:
        name = f"{cloud.servers[record.instance_uuid].name} ({record.instance_uuid})"
        if record.overlapped:
            found.append(f"{name}: evacuated while its evacuation was running")
        if record.host_was_alive:
            found.append(f"{name}: evacuated while its host was alive")
        if record.service_was_up:
            found.append(f"{name}: evacuated while its compute service was up")
    found += [f"{uuid}: its host was started again while its evacuation was running" for uuid in early]
    for instance in instances:
        name = f"{instance.name} ({instance.uuid})"
        found += [f"{name}: {what}" for what in _faults_of(guests[instance.uuid], instance)]
    return found


def _faults_of(before: Snapshot, instance: InstanceReport) -> list[str]:
    found = []
    if instance.left_locked:
        found.append(f"left locked by {instance.locked_by_now}, reason {instance.locked_reason_now!r}")
    if instance.owner_lock_kept is False and not instance.left_locked:
        found.append("the lock it had before was removed or changed")
    times = sum(status in ("done", "completed") for status in instance.statuses)
    if times > 1:
        found.append(f"evacuated {times} times")
    found += _faults_of_state(before, instance) if times else []
    return found


def _faults_of_state(before: Snapshot, instance: InstanceReport) -> list[str]:
    # an accepted action of its owner since the failure explains another state
    if instance.changed_by_owner or not instance.host_now:
        return []
    expected = EXPECTED_STATE.get(before.vm_state)
    if before.vm_state == "resized":
        expected = "active" if before.power_state == RUNNING else "stopped"
    expected = EXPECTED_BY_TASK.get(before.task_state or "", expected)
    if expected and instance.vm_state_now != expected:
        return [f"was {before.vm_state}, is {instance.vm_state_now} after its evacuation"]
    if expected == "error" and before.power_state != RUNNING and instance.power_state_now == RUNNING:
        return ["was not running, is running after its evacuation"]
    return []
