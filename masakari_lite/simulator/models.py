"""What a simulated cloud is made of. Only the Cloud changes these."""

from __future__ import annotations

import dataclasses
from typing import Any

ADMIN_ROLE = "admin"

NO_STATE, RUNNING, PAUSED_POWER, SHUTDOWN = 0, 1, 3, 4
"""Nova's power states."""

RUNNING_EVACUATION = frozenset({"accepted", "pre-migrating"})
"""The states of a migration record whose evacuation has not ended."""


@dataclasses.dataclass(frozen=True)
class Project:
    """A project that servers belong to."""

    id: str
    name: str


@dataclasses.dataclass(frozen=True)
class User:
    """Somebody who may have a token."""

    id: str
    name: str
    password: str
    project: Project
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Token:
    """A token and whom it stands for; `expires` is a moment of the cloud's clock."""

    id: str
    user: User
    project: Project
    issued: float
    expires: float

    @property
    def is_admin(self) -> bool:
        """True for whom Nova's policies let do everything."""
        return ADMIN_ROLE in self.user.roles


@dataclasses.dataclass
class Host:
    """A compute host and its nova-compute service."""

    name: str
    id: int
    uuid: str
    capacity: int | None = None
    alive: bool = True
    last_seen: float = 0.0
    changed: float = 0.0
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    # placement's COMPUTE_STATUS_DISABLED: what the scheduler really looks at
    disabled_trait: bool = False
    # what it was told when it was dead but looked up, disabled or not, and until when the call waits for it
    unheard: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    reserved: int = 0
    # the uuids of instances that it was told to delete when it was dead: the calls wait in its queue
    told_to_delete: list[str] = dataclasses.field(default_factory=list)

    @property
    def node(self) -> str:
        """The hypervisor's name, which is not the service's host: an FQDN."""
        return f"{self.name}.example.org"


@dataclasses.dataclass
class Server:
    """An instance as Nova's database has it."""

    uuid: str
    id: int
    name: str
    project: Project
    user_id: str
    host: str
    vm_state: str
    task_state: str | None
    power_state: int
    created: float
    updated: float
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    locked_by: str | None = None
    locked_reason: str | None = None
    fault: dict[str, Any] | None = None
    deleted: bool = False
    terminated: float | None = None
    # a lock by an admin was seen: tells "before the lock" from "after it" when owners' calls are counted
    was_locked_by_admin: bool = False
    # a normal user locked or unlocked it: then another lock than before is nobody's fault
    relocked_by_owner: bool = False
    rendered: dict[Any, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)

    @property
    def locked(self) -> bool:
        """True when a normal user's calls are refused."""
        return self.locked_by is not None


@dataclasses.dataclass
class Migration:
    """A migration record."""

    id: int
    uuid: str
    instance_uuid: str
    migration_type: str
    status: str
    source_compute: str
    source_node: str
    dest_compute: str | None
    created: float
    updated: float | None = None
    dest_node: str | None = None
    user_id: str = ""
    project_id: str = ""
    # facts that the API does not show
    service_was_up: bool = False
    host_was_alive: bool = False
    overlapped: bool = False
    accepted: float = 0.0
    ended: float | None = None

    @property
    def is_running(self) -> bool:
        """True until the evacuation has ended, well or badly."""
        return self.status in RUNNING_EVACUATION


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """How a server was at the moment its host failed."""

    uuid: str
    name: str
    vm_state: str
    task_state: str | None
    power_state: int
    locked_by: str | None
    locked_reason: str | None


def snapshot(server: Server) -> Snapshot:
    """Return how that server is now."""
    return Snapshot(
        uuid=server.uuid,
        name=server.name,
        vm_state=server.vm_state,
        task_state=server.task_state,
        power_state=server.power_state,
        locked_by=server.locked_by,
        locked_reason=server.locked_reason,
    )
