"""The simulated cloud's state, and what an operator or a mishap can do to it.

Nothing runs in the background. What happens later (an evacuation's next step, the end of a stop) waits in a
heap and is done when somebody looks: each request and each call of this API first brings the cloud up to now.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import random
import threading
import uuid
from collections.abc import Iterator
from typing import Any

from masakari_lite.simulator import actions, errors, evacuation, trait
from masakari_lite.simulator.agenda import Agenda, Effect
from masakari_lite.simulator.clock import Clock
from masakari_lite.simulator.identity import Identity
from masakari_lite.simulator.models import RUNNING, Host, Migration, Server, Snapshot, User, snapshot
from masakari_lite.simulator.options import SimulatorOptions

TRACEBACK = "Traceback (most recent call last): ..."
"""What admins see of a fault beyond its message."""


class Cloud:
    """Hosts, servers, migration records and users, and how they change with time."""

    def __init__(self, options: SimulatorOptions | None = None, clock: Clock | None = None) -> None:
        self.options = options or SimulatorOptions()
        self.clock = clock or Clock()
        # each its own source, so that what one draws does not change the other
        self._uuids = random.Random(f"uuids {self.options.seed}")
        self.chance = random.Random(f"chance {self.options.seed}")
        self.now = self.clock.now()
        self.identity = Identity(self.options)
        self.hosts: dict[str, Host] = {}
        self.servers: dict[str, Server] = {}
        self.migrations: list[Migration] = []
        self.running: dict[str, list[Migration]] = {}
        self.failures: dict[str, tuple[float, dict[str, Snapshot]]] = {}
        self.returned_early: dict[str, list[str]] = {}
        self.sabotage = evacuation.Sabotage(self.chance)
        self.events: collections.deque[dict[str, Any]] = collections.deque(maxlen=self.options.log_size)
        self._event_numbers = itertools.count(1)
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._agenda = Agenda()

    @contextlib.contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Hold the cloud still, after doing what has become due."""
        with self._lock:
            self._advance(self.clock.now())
            yield

    def after(self, seconds: float, effect: Effect) -> None:
        """Have something happen that many seconds from the cloud's present moment."""
        self._agenda.add(self.now + seconds, effect)

    def _advance(self, moment: float) -> None:
        while entry := self._agenda.next_due(moment):
            due, effect = entry
            # an effect sees the time it was due at, so that what follows it is not late
            self.now = max(self.now, due)
            effect()
        self.now = max(self.now, moment)

    def wall_now(self) -> float:
        """Return the cloud's present moment in whole seconds since the epoch, as a database keeps it."""
        return float(int(self.clock.wall(self.now)))

    def new_uuid(self) -> str:
        """Return a uuid that depends on nothing but the seed and how many were drawn."""
        return str(uuid.UUID(int=self._uuids.getrandbits(128), version=4))

    def note(self, kind: str, subject: str, text: str) -> None:
        """Remember something that people may want to see happen."""
        self.events.append(
            {
                "number": next(self._event_numbers),
                "time": self.clock.wall(self.now),
                "kind": kind,
                "subject": subject,
                "text": text,
            }
        )

    def events_since(self, number: int) -> list[dict[str, Any]]:
        """Return the remembered events with a greater number, oldest first."""
        with self.up_to_date():
            return [event for event in self.events if event["number"] > number]

    def add_host(self, name: str, capacity: int | None = None) -> Host:
        """Add a compute host that is up and enabled; `capacity` None takes the option's."""
        with self.up_to_date():
            room = self.options.capacity if capacity is None else capacity
            host = Host(name, next(self._ids), self.new_uuid(), capacity=room, last_seen=self.now)
            self.hosts[name] = host
            return host

    def is_up(self, host: Host) -> bool:
        """Tell whether Nova believes that the host's compute service is up."""
        if host.forced_down:
            return False
        return host.alive or self.now - host.last_seen <= self.options.service_down_time

    def fail_host(self, name: str) -> None:
        """Let a host die: Nova believes it up until service_down_time has passed or it is forced down."""
        with self.up_to_date():
            host = self.hosts[name]
            host.alive = False
            host.last_seen = self.now
            guests = {server.uuid: snapshot(server) for server in self.servers_on(name)}
            self.failures[name] = (self.now, guests)
            self.returned_early.pop(name, None)
            self.note("host", name, f"failed with {len(guests)} instances")

    def start_host(self, name: str) -> None:
        """Let a dead host's nova-compute come back: it clears up after evacuations, destroying what moved."""
        with self.up_to_date():
            host = self.hosts[name]
            host.alive = True
            trait.report(self, host)
            early = evacuation.clean_up_source(self, host)
            self.returned_early.setdefault(name, []).extend(early)
            actions.resume_on(self, host)
            self.note("host", name, "came back")

    def force_down(self, name: str, forced_down: bool = True) -> None:
        """Set or lift forced_down.

        :raises ApiError: 400 when it is lifted while evacuations away from the host are `done`
        """
        with self.up_to_date():
            host = self.hosts[name]
            if not forced_down:
                evacuation.check_may_be_forced_up(self, host)
            self._save(host, forced_down=forced_down)
            self.note("service", name, "forced down" if forced_down else "no longer forced down")

    def disable(self, name: str, reason: str | None = None) -> float:
        """Disable a compute service; return for how many seconds that keeps its caller waiting.

        Nova saves the change first, then tells the compute by RPC, unless it believes it down; also when
        nothing has changed.
        """
        with self.up_to_date():
            host = self.hosts[name]
            self._save(host, disabled=True, disabled_reason=reason)
            return trait.tell(self, host)

    def enable(self, name: str) -> float:
        """Enable a compute service; return for how many seconds that keeps its caller waiting."""
        with self.up_to_date():
            host = self.hosts[name]
            self._save(host, disabled=False, disabled_reason=None)
            return trait.tell(self, host)

    def _save(self, host: Host, **changes: Any) -> None:
        """Change a service's row; its updated_at is that of its last change, be it a report or another."""
        if any(getattr(host, field) != value for field, value in changes.items()):
            host.changed = self.now
        for field, value in changes.items():
            setattr(host, field, value)

    def add_server(
        self,
        host: str,
        *,
        vm_state: str = "active",
        task_state: str | None = None,
        power_state: int | None = None,
        locked_by: str | None = None,
        locked_reason: str | None = None,
        metadata: dict[str, str] | None = None,
        project: str = "demo",
        name: str | None = None,
        fault: str | None = None,
    ) -> Server:
        """Add an instance as if it had been there for long; `locked_by` is "owner", "admin" or None."""
        with self.up_to_date():
            number = next(self._ids)
            power = actions.POWER_STATES.get(vm_state, RUNNING) if power_state is None else power_state
            server = Server(
                uuid=self.new_uuid(),
                id=number,
                name=name or f"instance-{number}",
                project=self.identity.projects[project],
                user_id=self.identity.owner_of(project).id,
                host=self.hosts[host].name,
                vm_state=vm_state,
                task_state=task_state,
                power_state=power,
                created=self.wall_now(),
                updated=self.wall_now(),
                metadata=dict(metadata or {}),
                locked_by=locked_by,
                locked_reason=locked_reason,
                fault=self.fault(fault) if fault else None,
            )
            self.servers[server.uuid] = server
            return server

    def update(self, server: Server, **changes: Any) -> None:
        """Change a server's fields, and its `updated`, as a save in Nova does."""
        for field, value in changes.items():
            setattr(server, field, value)
        server.updated = self.wall_now()
        server.rendered.clear()

    def fault(self, message: str, code: int = 500) -> dict[str, Any]:
        """Return a server's `fault`, as of now."""
        return {"code": code, "created": self.wall_now(), "message": message, "details": TRACEBACK}

    def destroy(self, server: Server) -> None:
        """Delete a server from the database; it can still be listed with changes-since."""
        self.update(
            server,
            deleted=True,
            vm_state="deleted",
            task_state=None,
            power_state=0,
            terminated=self.wall_now(),
        )
        self.note("server", server.uuid, "deleted")

    def find_server(self, uuid: str) -> Server:
        """Return the server with that uuid that is not deleted.

        :raises ApiError: 404 when there is none
        """
        server = self.servers.get(uuid)
        if server is None or server.deleted:
            raise errors.not_found("Instance", uuid)
        return server

    def servers_on(self, host: str) -> list[Server]:
        """Return the servers that Nova's database has on that host."""
        return [server for server in self.servers.values() if server.host == host and not server.deleted]

    def plant_migration(
        self,
        server: Server,
        *,
        migration_type: str = "live-migration",
        status: str = "running",
        source: str | None = None,
        dest: str | None = None,
        age: float = 0.0,
    ) -> Migration:
        """Add a migration record that nothing drives, made `age` seconds ago."""
        with self.up_to_date():
            migration = self.new_migration(server, migration_type, status, source or server.host, dest)
            migration.created -= age
            migration.updated = migration.created
            return migration

    def new_migration(
        self,
        server: Server,
        migration_type: str,
        status: str,
        source: str,
        dest: str | None,
        caller: User | None = None,
    ) -> Migration:
        """Add a migration record; Nova leaves its updated_at empty until its first change.

        :param caller: who asked for it, and whose it is; None is the service user
        """
        user = caller or self.identity.users["masakari"]
        migration = Migration(
            id=len(self.migrations) + 1,
            uuid=self.new_uuid(),
            instance_uuid=server.uuid,
            migration_type=migration_type,
            status=status,
            source_compute=source,
            source_node=self.hosts[source].node,
            dest_compute=dest,
            created=self.wall_now(),
            user_id=user.id,
            project_id=user.project.id,
        )
        self.migrations.append(migration)
        return migration

    def visible_migrations(self) -> list[Migration]:
        """Return what Nova tells of: a record is deleted with its instance, even from changes-since."""
        return [record for record in self.migrations if not self.servers[record.instance_uuid].deleted]

    def set_migration(self, migration: Migration, **changes: Any) -> None:
        """Change a migration record's fields, and its updated_at."""
        for field, value in changes.items():
            setattr(migration, field, value)
        migration.updated = self.wall_now()

    def no_valid_host(self, *uuids: str, share: float | None = None, times: int | None = None) -> None:
        """Let the scheduler find no host.

        :param uuids: for these servers, `times` times each; None is always
        :param share: for so great a share of all evacuations, 0 to 1; None leaves that as it is
        """
        with self.up_to_date():
            self.sabotage.no_valid_host(uuids, share, times)

    def fail_rebuild(self, *uuids: str, times: int | None = None) -> None:
        """Let the rebuild on the destination fail for these servers, `times` times each (None: always)."""
        with self.up_to_date():
            self.sabotage.fail_rebuild(uuids, times)
