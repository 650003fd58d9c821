"""The nouns that the rooms of the house hand each other. No I/O here."""

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
    """Something could not be recovered; it is tried again at ``retry_at``."""
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
    """How far the move of one instance is; Masakari's words."""

    PENDING = "pending"
    ONGOING = "ongoing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IGNORED = "ignored"

    @property
    def is_final(self) -> bool:
        """Whether the move has ended."""
        return self not in (VMoveStatus.PENDING, VMoveStatus.ONGOING)


class Step(enum.StrEnum):
    """What a move is about to do: written to the journal before the request goes out."""

    PLANNED = "planned"
    LOCK = "lock"
    RESET_STATE = "reset-state"
    EVACUATE = "evacuate"
    RESTORE = "restore"
    UNLOCK = "unlock"
    DONE = "done"


@dataclasses.dataclass(frozen=True)
class Notification:
    """That something failed, as a monitor told it, and what came of it.

    :ivar generated_time: when the monitor saw it (UTC, naive)
    :ivar attempts: how many tries were begun; a try that another engine goes on with counts once
    :ivar message: why the status is what it is, for the operator
    :ivar retry_at: of an ``error``: when it is tried again (UTC, naive)
    :ivar owner: the engine that took it up last; only it may write about its recovery
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
    message: str = ""
    retry_at: datetime.datetime | None = None
    owner: str | None = None
    service_updated_at: str | None = None
    progress: tuple[JsonDict, ...] = ()
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True)
class VMove:
    """The move of one instance off its failed host, and the state it must have again at the end.

    :ivar vm_state: with power_state, task_state and locked: as at first sight, never overwritten
    :ivar locked_by_us: whether a lock request of ours has gone out, or is about to
    :ivar retry_at: of a failed one: not to be tried again before (UTC, naive); None: given up
    :ivar migration_baseline: id of the instance's last evacuation record that is not this move's
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
    message: str = ""
    retry_at: datetime.datetime | None = None
    start_time: datetime.datetime | None = None
    end_time: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None

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


@dataclasses.dataclass(frozen=True)
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
        """Whether the instance is gone; lists made with ``changes-since`` show such ones too."""
        return self.vm_state == "deleted"


@dataclasses.dataclass(frozen=True)
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


@dataclasses.dataclass(frozen=True)
class ComputeService:
    """The nova-compute service of a host (``GET /os-services``).

    :ivar updated_at: when it reported last, or was changed, as Nova writes it
    """

    uuid: str
    host: str
    is_up: bool
    is_enabled: bool
    updated_at: str
