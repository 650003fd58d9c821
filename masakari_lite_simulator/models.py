"""The resources of a simulated cloud. Only CloudState, Cloud and the behaviours change them."""

from __future__ import annotations

import dataclasses
from typing import Any

ADMIN_ROLE = "admin"

NO_STATE, RUNNING, PAUSED_POWER, SHUTDOWN = 0, 1, 3, 4
"""Nova's power states."""

RUNNING_EVACUATION = frozenset({"accepted", "pre-migrating"})
"""The states of a migration record whose evacuation is running."""


@dataclasses.dataclass(frozen=True)
class Project:
    """A project that servers belong to."""

    id: str
    name: str


# the project of a token that is scoped to the system
SYSTEM = Project("", "")


@dataclasses.dataclass(frozen=True)
class User:
    """A Keystone user."""

    id: str
    name: str
    password: str
    project: Project
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Token:
    """A token, its user and its scope.

    `expires` is a time of the cloud's clock; `issued_at` and `expires_at` are times by Keystone's.
    """

    id: str
    user: User
    project: Project
    expires: float
    issued_at: float
    expires_at: float

    @property
    def is_for_system(self) -> bool:
        """True for a token that has no project."""
        return self.project == SYSTEM

    @property
    def is_admin(self) -> bool:
        """True for a user whom Nova's policies allow everything."""
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
    # the row's updated_at, by Nova's clock
    updated: float = 0.0
    disabled: bool = False
    disabled_reason: str | None = None
    forced_down: bool = False
    cell: str = "cell1"
    domain: str = ".example.org"
    # Placement's trait COMPUTE_STATUS_DISABLED, which the scheduler reads
    disabled_trait: bool = False
    # calls about its status while it was dead but considered up: when each expires, and whether disabled
    queued_status_calls: list[tuple[float, bool]] = dataclasses.field(default_factory=list)
    reserved: int = 0
    # calls to delete an instance while it was dead: the instances' uuids
    queued_deletes: list[str] = dataclasses.field(default_factory=list)

    @property
    def node(self) -> str:
        """The hypervisor's name, which is not the service's host: an FQDN."""
        return f"{self.name}{self.domain}"


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
    # without one, Nova answers 404 for it while its cell does not answer
    has_request_spec: bool = True
    terminated: float | None = None
    # an admin has locked it before: separates owners' calls after that lock from those before it
    was_locked_by_admin: bool = False
    # a normal user has locked or unlocked it: then a changed lock is no fault of the engine
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
    finished: float | None = None

    @property
    def is_running(self) -> bool:
        """True until the evacuation has completed or failed."""
        return self.status in RUNNING_EVACUATION


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A server's fields when its host failed."""

    uuid: str
    name: str
    vm_state: str
    task_state: str | None
    power_state: int
    locked_by: str | None
    locked_reason: str | None


def snapshot(server: Server) -> Snapshot:
    """Return a snapshot of that server."""
    return Snapshot(
        uuid=server.uuid,
        name=server.name,
        vm_state=server.vm_state,
        task_state=server.task_state,
        power_state=server.power_state,
        locked_by=server.locked_by,
        locked_reason=server.locked_reason,
    )
