"""The simulated cloud, and what operators and failures do to it."""

from __future__ import annotations

from typing import Any

from masakari_lite_simulator import actions, compute_status, returning_host
from masakari_lite_simulator.models import RUNNING, Host, Migration, Server, snapshot
from masakari_lite_simulator.state import CloudState

_AGE = 3600.0  # seconds; of an instance that is added


class Cloud(CloudState):
    """The state of the cloud, with hosts that can be added, failed, started, disabled and forced down."""

    def add_host(self, name: str, capacity: int | None = None, cell: str = "cell1") -> Host:
        """Add a compute host that is up and enabled; `capacity` None takes the option's."""
        with self.up_to_date():
            limit = self.options.capacity if capacity is None else capacity
            number, uuid = self.new_id(), self.new_uuid()
            host = Host(name, number, uuid, capacity=limit, last_seen=self.now, cell=cell)
            self.hosts[name] = host
            return host

    def fail_cell(self, name: str = "cell1") -> None:
        """Make the database of a cell unavailable to Nova's API; its computes keep working."""
        with self.up_to_date():
            self.down_cells.add(name)
            self.record_event("cell", name, "does not answer")

    def restore_cell(self, name: str = "cell1") -> None:
        """Make the database of a cell available again."""
        with self.up_to_date():
            self.down_cells.discard(name)
            self.record_event("cell", name, "answers again")

    def fail_host(self, name: str) -> None:
        """Fail a host: Nova considers it up until service_down_time has passed or it is forced down."""
        with self.up_to_date():
            host = self.hosts[name]
            host.alive = False
            host.last_seen = self.now
            host.updated = self.nova_now()
            guests = {server.uuid: snapshot(server) for server in self.servers_on(name)}
            self.host_failures[name] = (self.now, guests)
            self.returned_early.pop(name, None)
            self.record_event("host", name, f"failed with {len(guests)} instances")

    def start_host(self, name: str) -> None:
        """Start a failed host's nova-compute again: it destroys its copies of the evacuated instances."""
        with self.up_to_date():
            host = self.hosts[name]
            host.alive = True
            compute_status.restore(self, host)
            early = returning_host.complete_evacuations(self, host)
            self.returned_early.setdefault(name, []).extend(early)
            actions.resume_on(self, host)
            self.record_event("host", name, "started again")

    def force_down(self, name: str, forced_down: bool = True) -> None:
        """Set or unset forced_down.

        :raises ApiError: 400 when it is unset while evacuations from the host are `done`
        """
        with self.up_to_date():
            host = self.hosts[name]
            if not forced_down:
                returning_host.check_may_be_forced_up(self, host)
            self._save(host, forced_down=forced_down)
            self.record_event("service", name, "forced down" if forced_down else "no longer forced down")

    def disable(self, name: str, reason: str | None = None) -> float:
        """Disable a compute service; return for how many seconds that keeps its caller waiting.

        Nova saves the change first, then calls the compute by RPC, unless it considers it down; also when
        nothing has changed.
        """
        with self.up_to_date():
            host = self.hosts[name]
            self._save(host, disabled=True, disabled_reason=reason)
            return compute_status.call_compute(self, host)

    def enable(self, name: str) -> float:
        """Enable a compute service; return for how many seconds that keeps its caller waiting."""
        with self.up_to_date():
            host = self.hosts[name]
            self._save(host, disabled=False, disabled_reason=None)
            return compute_status.call_compute(self, host)

    def _save(self, host: Host, **changes: Any) -> None:
        """Change a service's row; its updated_at is that of its last change, be it a report or another."""
        if any(getattr(host, field) != value for field, value in changes.items()):
            host.updated = self.nova_now()
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
            number = self.new_id()
            long_ago = self.database_now() - _AGE
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
                created=long_ago,
                updated=long_ago,
                metadata=dict(metadata or {}),
                locked_by=locked_by,
                locked_reason=locked_reason,
                fault=self.fault(fault) if fault else None,
            )
            self.servers[server.uuid] = server
            return server

    def add_migration(
        self,
        server: Server,
        *,
        migration_type: str = "live-migration",
        status: str = "running",
        source: str | None = None,
        dest: str | None = None,
        age: float = 0.0,
    ) -> Migration:
        """Add a migration record that never changes by itself, created `age` seconds ago."""
        with self.up_to_date():
            migration = self.new_migration(server, migration_type, status, source or server.host, dest)
            migration.created -= age
            migration.updated = migration.created
            return migration

    def no_valid_host(self, *uuids: str, share: float | None = None, times: int | None = None) -> None:
        """Let the scheduler find no host.

        :param uuids: for these servers, `times` times each; None is always
        :param share: for this share of all evacuations, 0 to 1; None leaves it as it is
        """
        with self.up_to_date():
            self.planned_failures.plan_no_valid_host(uuids, share, times)

    def fail_rebuild(self, *uuids: str, times: int | None = None) -> None:
        """Let the rebuild on the destination fail for these servers, `times` times each (None: always)."""
        with self.up_to_date():
            self.planned_failures.plan_rebuild_failure(uuids, times)
