"""The cloud of one round: six hosts that fail, four that do not, and a user for each run of an engine."""

import random
from typing import Any

from masakari_lite_simulator import Simulator, SimulatorOptions
from masakari_lite_simulator.models import ADMIN_ROLE, User
from masakari_lite_simulator.requestlog import RequestRecord
from tests.harness.cloud import GuestCloud
from tests.harness.guests import KINDS, Guest

FAILING = tuple(f"compute-{number}" for number in range(1, 7))
HEALTHY = tuple(f"compute-{number}" for number in range(7, 11))
_ALWAYS = ("active", "stopped")
_OTHERS = (
    "active",
    "ha-enabled",
    "powering-off",
    "paused",
    "suspended",
    "resized",
    "error",
    "locked-by-owner",
    "locked-by-admin",
    "stopped-and-locked",
)


class Site(GuestCloud):
    """A simulated cloud, drawn from a seed; a context manager that makes it answer."""

    def __init__(self, seed: int, failing: tuple[str, ...] = FAILING, **options: Any) -> None:
        """Draw it.

        :param options: of the simulator, where they are not to be drawn
        """
        chance = random.Random(f"cloud {seed}")
        drawn = {
            "evacuation_latency": chance.choice([0.2, 0.5, 1.0]),
            "action_latency": chance.choice([0.02, 0.1]),
            "service_down_time": chance.choice([0.0, 0.5, 1.0]),
            "max_microversion": chance.choice(["2.96", "2.96", "2.60"]),
        }
        self.simulator = Simulator(
            SimulatorOptions(seed=seed, evacuation_jitter=0.5, log_size=100_000, **(drawn | options))
        )
        super().__init__(self.simulator.cloud, failing)
        for name in failing:
            self.add_host(name, capacity=0)  # nobody goes to where he would have to leave again
        for name in HEALTHY:
            self.add_host(name)
        for host in failing:
            for guest in _draw_guests(chance):
                self.add_guest(host, guest)

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

    def list_changes(self, user: str | None = None) -> list[RequestRecord]:
        """List what was asked of Nova that changes something, by that user or by all, the oldest first."""
        return [
            record
            for record in self.simulator.requests.records
            if record.kind in _CHANGES and user in (None, record.user)
        ]


def _draw_guests(chance: random.Random) -> list[Guest]:
    """Draw four to six for one host."""
    drawn = [*_ALWAYS, *chance.sample(_OTHERS, chance.randint(2, 4))]
    chance.shuffle(drawn)
    return [KINDS[name] for name in drawn]


_CHANGES = frozenset(
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
