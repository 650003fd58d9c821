"""The cloud of one run: the simulator's Keystone and Nova, with a trap on the way to Nova."""

import contextlib
import random
from collections.abc import Iterator

from masakari_lite.simulator import Cloud, Faults, Server, SimulatorOptions
from masakari_lite.simulator.application import Application
from masakari_lite.simulator.requestlog import RequestLog
from masakari_lite.simulator.server import HttpServer
from tests.crash.guests import GUESTS
from tests.crash.trap import Trap
from tests.functional.harness import HOST, HOSTS


class CrashCloud:
    """Four hosts, of which one has failed with GUESTS on it.

    :ivar failing: guests whose first evacuation fails, and how its record ends
    """

    def __init__(self, seed: int, microversion: str) -> None:
        """Build it.

        :param seed: what its latencies and the order of its instances are drawn from; 0 draws nothing
        :param microversion: the newest that is offered
        """
        chance = random.Random(f"cloud {seed}")
        options = _draw(chance) if seed else _usual()
        options.seed, options.max_microversion = seed, microversion
        self.cloud = Cloud(options)
        self.trap = Trap(Application(self.cloud, Faults(), RequestLog(options.log_size)))
        self._server = HttpServer(self.trap, "127.0.0.1", 0)
        self.auth_url = f"{self._server.url}/identity/v3"
        for number in range(1, HOSTS + 1):
            self.cloud.add_host(f"compute-{number}")
        guests = list(GUESTS)
        if seed:
            chance.shuffle(guests)
        self.servers: dict[str, Server] = {
            guest.name: self.cloud.add_server(HOST, name=guest.name, **guest.before) for guest in guests
        }
        self.failing = self._draw_failing(chance) if seed else {}
        self.cloud.fail_host(HOST)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer until the block ends."""
        self._server.start()
        try:
            yield
        finally:
            self._server.stop()

    def _draw_failing(self, chance: random.Random) -> dict[str, str]:
        name = chance.choice([guest.name for guest in GUESTS if guest.moves])
        status = chance.choice(["failed", "error", "none", "none"])
        if status == "failed":
            self.cloud.fail_rebuild(self.servers[name].uuid, times=1)
        elif status == "error":
            self.cloud.no_valid_host(self.servers[name].uuid, times=1)
        return {} if status == "none" else {name: status}


def _usual() -> SimulatorOptions:
    return SimulatorOptions(evacuation_latency=0.05, action_latency=0.01, service_down_time=0.0)


def _draw(chance: random.Random) -> SimulatorOptions:
    return SimulatorOptions(
        evacuation_latency=chance.choice([0.01, 0.05, 0.2]),
        evacuation_jitter=chance.choice([0.0, 0.9]),
        action_latency=chance.choice([0.0, 0.01, 0.1]),
        service_down_time=chance.choice([0.0, 0.0, 0.8]),
    )
