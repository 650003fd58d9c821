"""The records that the packages exchange. No I/O here."""

import dataclasses
import datetime
import enum
from typing import Any

JsonDict = dict[str, Any]


class NotificationType(enum.StrEnum):
    """What kind of thing failed; Masakari's words."""

    COMPUTE_HOST = "COMPUTE_HOST"
    VM = "VM"
    PROCESS = "PROCESS"


class NotificationStatus(enum.StrEnum):
    """How far a notification is; Masakari's words."""

    NEW = "new"
    """Accepted and in the journal; nobody works on it yet."""
    RUNNING = "running"
    """An engine recovers the host."""
    FINISHED = "finished"
    """Everything that was to be done is done."""
    ERROR = "error"
    """Something could not be recovered; it is retried at ``retry_at``."""
    FAILED = "failed"
    """Given up: no engine will try it again."""
    IGNORED = "ignored"
    """Valid, but nothing is to be done; the message says why."""

    @property
    def is_active(self) -> bool:
        """Whether it is new or running: an equal one is its duplicate."""
        return self in (NotificationStatus.NEW, NotificationStatus.RUNNING)

    @property
    def is_final(self) -> bool:
        """Whether no engine will act on it any more."""
        return not self.is_active and self is not NotificationStatus.ERROR


class VMoveStatus(enum.StrEnum):
    """The status of the evacuation of one instance; Masakari's words."""

    PENDING = "pending"
    ONGOING = "ongoing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IGNORED = "ignored"

    @property
    def is_final(self) -> bool:
        """Whether no engine will start anything because of it."""
        return self not in (VMoveStatus.PENDING, VMoveStatus.ONGOING)


class Step(enum.StrEnum):
    """What a vmove is about to do: written to the journal before the request is sent."""

    PLANNED = "planned"
    LOCK = "lock"
    RESET_STATE = "reset-state"
    EVACUATE = "evacuate"
    RESTORE = "restore"
    UNLOCK = "unlock"
    DONE = "done"


@dataclasses.dataclass(frozen=True, slots=True)
class Notification:
    """That something failed, as a monitor has sent it, and what became of it.

    :ivar generated_time: when the monitor saw it, by its clock (UTC, naive); all else is by the journal's
    :ivar attempts: how many attempts were begun; one that another engine resumes counts once
    :ivar reason: why the status is what it is, as a code: see :mod:`masakari_lite.reasons`
    :ivar message: the same in words, for the operator
    :ivar retry_at: of an ``error``: when it is retried (UTC, naive)
    :ivar owner: the engine that claimed it last
    :ivar generation: grows with each claim; only who has the last one may write about its recovery
    :ivar arrived_at: when it came, by Nova's clock (UTC, naive), as the first try has found out: at that
        time or later
    :ivar service_updated_at: the compute service's ``updated_at`` when a try had disabled it or given up
        waiting; empty while that is about to change by our doing; None before
    :ivar progress: one entry a task of the recovery: name, state, progress (0 to 1), details
    """

    notification_uuid: str
    type: NotificationType
    hostname: str
    generated_time: datetime.datetime
    payload: JsonDict
    status: NotificationStatus = NotificationStatus.NEW
    attempts: int = 0
    reason: str = ""
    message: str = ""
    retry_at: datetime.datetime | None = None
    owner: str | None = None
    generation: int = 0
    arrived_at: datetime.datetime | None = None
    service_updated_at: str | None = None
    progress: tuple[JsonDict, ...] = ()
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None

    @property
    def sender_offset(self) -> float:
        """By how many seconds its sender's clock was ahead of the journal's when it came.

        Less than 0: it was behind, or the notification was on its way for so long.
        """
        if self.created_at is None:
            return 0.0
        return (self.generated_time - self.created_at).total_seconds()


@dataclasses.dataclass(frozen=True, slots=True)
class VMove:
    """The evacuation of one instance off its failed host, and the state that it must have at the end.

    :ivar vm_state: with power_state, task_state and locked: as at first sight, never overwritten
    :ivar locked_by_us: whether a lock request of ours was sent, or is about to be
    :ivar retry_at: of a failed one: not to be retried before (UTC, naive); None: given up
    :ivar migration_baseline: id of the instance's last evacuation record that is not this vmove's
    :ivar recheck_at: when Nova is asked once more about the instance, because a request of ours may have been
        carried out late (UTC, naive); None: none may have been
    """

    notification_uuid: str
    instance_uuid: str
    instance_name: str
    source_host: str
    vm_state: str
    power_state: int
    task_state: str | None = None
    locked: bool = False
    locked_by_us: bool = False
    migration_baseline: int = 0
    dest_host: str | None = None
    status: VMoveStatus = VMoveStatus.PENDING
    step: Step = Step.PLANNED
    attempts: int = 0
    reason: str = ""
    message: str = ""
    retry_at: datetime.datetime | None = None
    start_time: datetime.datetime | None = None
    end_time: datetime.datetime | None = None
    recheck_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None

    @property
    def may_hold_our_lock(self) -> bool:
        """Whether a lock on the instance may be ours; no other lock is, whatever its reason says."""
        return self.locked_by_us or self.recheck_at is not None

    @property
    def is_unverified(self) -> bool:
        """Whether it has arrived by its evacuation record, and Nova's list of its host was not read yet."""
        return self.status is VMoveStatus.ONGOING and self.step is Step.UNLOCK

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to be done, not even to take our lock off."""
        return self.status.is_final and not self.locked_by_us


class PowerState(enum.IntEnum):
    """Nova's power states (``OS-EXT-STS:power_state``)."""

    NOSTATE = 0
    RUNNING = 1
    PAUSED = 3
    SHUTDOWN = 4
    CRASHED = 6
    SUSPENDED = 7


@dataclasses.dataclass(frozen=True, slots=True)
class Instance:
    """An instance as Nova shows it (``GET /servers/detail``).

    :ivar host: ``OS-EXT-SRV-ATTR:host``, the compute service's host; None when it has none
    :ivar locked_reason: shown from microversion 2.73, None before
    :ivar fault: Nova's message about the last error, empty without one
    """

    uuid: str
    name: str
    host: str | None
    vm_state: str
    task_state: str | None
    power_state: int
    locked: bool = False
    locked_reason: str | None = None
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    fault: str = ""

    @property
    def is_deleted(self) -> bool:
        """Whether the instance was deleted, a moment before Nova no longer finds it."""
        return self.vm_state == "deleted"


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """A migration record (``GET /os-migrations``)."""

    id: int
    instance_uuid: str
    type: str
    status: str
    source_host: str | None
    dest_host: str | None

    @property
    def is_running(self) -> bool:
        """Whether the evacuation has still to end: accepted ▸ pre-migrating ▸ done, failed or error."""
        return self.status in ("accepted", "pre-migrating")

    @property
    def is_done(self) -> bool:
        """Whether it succeeded; the restarted source host turns done into completed."""
        return self.status in ("done", "completed")

    @property
    def has_arrived(self) -> bool:
        """Whether the instance is on ``dest_host``, in the state that Nova leaves it in.

        ``done`` is the last that Nova writes of an evacuation. ``completed`` may be written in its midst.
        """
        return self.status == "done" and bool(self.dest_host)


@dataclasses.dataclass(frozen=True, slots=True)
class ComputeService:
    """The nova-compute service of a host (``GET /os-services``).

    :ivar updated_at: when it reported last, or was changed, as Nova writes it
    :ivar disabled_reason: who has disabled it, and why; empty when it is not known
    """

    uuid: str
    host: str
    is_up: bool
    is_enabled: bool
    updated_at: str
    disabled_reason: str = ""
