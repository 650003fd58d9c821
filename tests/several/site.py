"""The cloud of one round: six hosts that fail, four that do not, and a user for each run of an engine."""

import random
from typing import Any

from masakari_lite.simulator import Migration, Server, Simulator, SimulatorOptions
from masakari_lite.simulator.models import ADMIN_ROLE, User
from masakari_lite.simulator.requestlog import RequestRecord
from tests.several import guests

FAILING = tuple(f"compute-{number}" for number in range(1, 7))
HEALTHY = tuple(f"compute-{number}" for number in range(7, 11))


class Site:
    """A simulated cloud, drawn from a seed; a context manager that makes it answer.

    :ivar guests: by the instance's uuid, what it was and what it must be
    """

    def __init__(self, seed: int, failing: tuple[str, ...] = FAILING, **options: Any) -> None:
        """Draw it.

        :param options: of the simulator, where they are not to be drawn
        """
        chance = random.Random(f"cloud {seed}")
        self.failing = failing
        drawn = {
            "evacuation_latency": chance.choice([0.2, 0.5, 1.0]),
            "action_latency": chance.choice([0.02, 0.1]),
            "service_down_time": chance.choice([0.0, 0.5, 1.0]),
            "max_microversion": chance.choice(["2.96", "2.96", "2.60"]),
        }
        self.simulator = Simulator(
            SimulatorOptions(seed=seed, evacuation_jitter=0.5, log_size=100_000, **(drawn | options))
        )
        self.cloud = self.simulator.cloud
        for name in failing:
            self.cloud.add_host(name, capacity=0)  # nobody goes to where he would have to leave again
        for name in HEALTHY:
            self.cloud.add_host(name)
        self.guests: dict[str, guests.Guest] = {}
        self.sources: dict[str, str] = {}
        for host in failing:
            for guest in guests.draw(chance):
                server = self.cloud.add_server(host, **guest.before)
                self.guests[server.uuid] = guest
                self.sources[server.uuid] = host
        self.sources |= {host.uuid: host.name for host in self.cloud.hosts.values()}

    def __enter__(self) -> "Site":
        self.simulator.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.simulator.stop()

    def add_user(self, name: str) -> str:
        """Add an administrator as whom one run of one engine works; returns the name."""
        identity = self.cloud.identity
        project = identity.projects["service"]
        identity.users[name] = User(f"user-{name}", name, "masakari", project, (ADMIN_ROLE, "member"))
        return name

    def records_of(self, server: Server) -> list[Migration]:
        """List the evacuation records of an instance."""
        return [record for record in self.cloud.migrations if record.instance_uuid == server.uuid]

    def list_changes(self, user: str | None = None) -> list[RequestRecord]:
        """List what was asked of Nova that changes something, by that user or by all, the oldest first."""
        return [
            record
            for record in self.simulator.requests.records
            if is_change(record) and user in (None, record.user)
        ]


def is_change(record: RequestRecord) -> bool:
    """Tell whether a request is one that changes something."""
    return record.kind in CHANGES


CHANGES = frozenset(
    {
        "server.lock",
        "server.unlock",
        "server.evacuate",
        "server.reset_state",
        "server.start",
        "server.stop",
        "service.update",
    }
)
