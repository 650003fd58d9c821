"""The state of the simulated cloud: what Nova's database holds, the time, and what is scheduled.

Nothing runs in the background. What happens later (the next step of an evacuation, the completion of a stop)
waits in a schedule: each request and each call of the Python API first brings the state up to date.
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

from masakari_lite_simulator import errors
from masakari_lite_simulator.clock import Clock
from masakari_lite_simulator.identity import Identity
from masakari_lite_simulator.models import Host, Migration, Server, Snapshot, User
from masakari_lite_simulator.options import SimulatorOptions
from masakari_lite_simulator.planned_failures import PlannedFailures
from masakari_lite_simulator.schedule import Effect, Schedule

TRACEBACK = "Traceback (most recent call last): ..."
"""What admins see of a fault beyond its message."""


class CloudState:
    """Hosts, servers, migration records and users, and how they change with time."""

    def __init__(self, options: SimulatorOptions | None = None, clock: Clock | None = None) -> None:
        self.options = options or SimulatorOptions()
        self.clock = clock or Clock()
        # a generator of its own for each, so that what one draws does not change the other
        self._uuids = random.Random(f"uuids {self.options.seed}")
        self.random = random.Random(f"chance {self.options.seed}")
        self.now = self.clock.now()
        self.identity = Identity(self.options)
        self.hosts: dict[str, Host] = {}
        self.servers: dict[str, Server] = {}
        self.migrations: list[Migration] = []
        # by the server's uuid
        self.running: dict[str, list[Migration]] = {}
        # by the host: when it failed, and its servers then
        self.host_failures: dict[str, tuple[float, dict[str, Snapshot]]] = {}
        # by the host: the servers whose evacuation was running when it was started again
        self.returned_early: dict[str, list[str]] = {}
        self.planned_failures = PlannedFailures(self.random)
        self.events: collections.deque[dict[str, Any]] = collections.deque(maxlen=self.options.log_size)
        self.down_cells: set[str] = set()
        self._event_numbers = itertools.count(1)
        self._ids = itertools.count(1)
        self._lock = threading.RLock()
        self._schedule = Schedule()

    @contextlib.contextmanager
    def up_to_date(self) -> Iterator[None]:
        """Carry out what is due, then keep the state from changing for the length of the block."""
        with self._lock:
            self._advance(self.clock.now())
            yield

    def after(self, seconds: float, effect: Effect) -> None:
        """Schedule an effect for that many seconds after `now`."""
        self._schedule.add(self.now + seconds, effect)

    def _advance(self, now: float) -> None:
        while entry := self._schedule.pop_due(now):
            due, effect = entry
            # an effect finds the time it was due at, so that what it schedules is not late
            self.now = max(self.now, due)
            effect()
        self.now = max(self.now, now)

    def nova_now(self) -> float:
        """Return the time by Nova's clock, in seconds since the epoch."""
        return self.clock.wall(self.now) + self.options.nova_clock_offset

    def keystone_now(self) -> float:
        """Return the time by Keystone's clock, in seconds since the epoch."""
        return self.clock.wall(self.now) + self.options.keystone_clock_offset

    def database_now(self) -> float:
        """Return the time by Nova's clock in whole seconds since the epoch, as its database stores it."""
        return float(int(self.nova_now()))

    def new_uuid(self) -> str:
        """Return a uuid that depends only on the seed and on how many were drawn before."""
        return str(uuid.UUID(int=self._uuids.getrandbits(128), version=4))

    def new_id(self) -> int:
        """Return the next integer id of a host or server."""
        return next(self._ids)

    def record_event(self, kind: str, subject: str, text: str) -> None:
        """Record an event, for events_since()."""
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
        """Return the recorded events with a greater number, oldest first."""
        with self.up_to_date():
            return [event for event in self.events if event["number"] > number]

    def is_up(self, host: Host) -> bool:
        """Return True while Nova considers the host's compute service up."""
        if host.forced_down:
            return False
        return host.alive or self.now - host.last_seen <= self.options.service_down_time

    def is_cell_down(self, host: str) -> bool:
        """Return True when the database of the host's cell does not answer Nova's API."""
        return self.hosts[host].cell in self.down_cells

    def require_cells_up_to(self, cell: str | None = None) -> None:
        """Check that Nova's API can query the cells, in their order, up to the given one.

        :param cell: the last one that is queried; None queries all
        :raises ApiError: 500 when one of them does not answer
        """
        if any(cell is None or down <= cell for down in self.down_cells):
            raise errors.down_cell()

    def update(self, server: Server, **changes: Any) -> None:
        """Change a server's fields, and its `updated`, as a save in Nova does."""
        for field, value in changes.items():
            setattr(server, field, value)
        server.updated = self.database_now()
        server.rendered.clear()

    def fault(self, message: str, code: int = 500) -> dict[str, Any]:
        """Return a server's `fault`, created now."""
        return {"code": code, "created": self.database_now(), "message": message, "details": TRACEBACK}

    def destroy(self, server: Server) -> None:
        """Delete a server from the database; it can still be listed with changes-since."""
        self.update(
            server,
            deleted=True,
            vm_state="deleted",
            task_state=None,
            power_state=0,
            terminated=self.database_now(),
        )
        self.record_event("server", server.uuid, "deleted")

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

        :param caller: who requested it, and whose it is; None is the service user
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
            created=self.database_now(),
            user_id=user.id,
            project_id=user.project.id,
        )
        self.migrations.append(migration)
        return migration

    def visible_migrations(self) -> list[Migration]:
        """Return the records that Nova lists: one is deleted with its instance, even from changes-since.

        Those in a cell that does not answer are missing; the list does not show that.
        """
        return [
            record
            for record in self.migrations
            if not self.servers[record.instance_uuid].deleted and not self.is_cell_down(record.source_compute)
        ]

    def set_migration(self, migration: Migration, **changes: Any) -> None:
        """Change a migration record's fields, and its updated_at."""
        for field, value in changes.items():
            setattr(migration, field, value)
        migration.updated = self.database_now()
