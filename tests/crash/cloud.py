"""The cloud of one run: the simulator's Keystone and Nova, with a trap on the way to Nova."""

import contextlib
import random
from collections.abc import Iterator

from masakari_lite_simulator import Cloud, Fault, Faults, SimulatorOptions
from masakari_lite_simulator.application import Application
from masakari_lite_simulator.requestlog import RequestLog
from masakari_lite_simulator.server import HttpServer
from tests.crash.trap import Trap
from tests.harness.cloud import GuestCloud
from tests.harness.guests import KINDS
from tests.harness.monitor import HOST
from tests.harness.site import HOSTS

# the points of a recovery grow with the instances; this one is stopped and locked, as others are one by one
_GUESTS = tuple(guest for guest in KINDS.values() if guest.name != "stopped-and-locked")


class CrashCloud(GuestCloud):
    """Four hosts, of which one has failed with a guest of every kind."""

    def __init__(self, seed: int, microversion: str) -> None:
        """Build it.

        :param seed: what its latencies and the order of its instances are drawn from; 0 draws nothing
        :param microversion: the newest that is offered
        """
        chance = random.Random(f"cloud {seed}")
        options = _draw(chance) if seed else _usual()
        options.seed, options.max_microversion = seed, microversion
        super().__init__(Cloud(options), (HOST,))
        faults = Faults()
        self.trap = Trap(Application(self.cloud, faults, RequestLog(options.log_size)))
        self._server = HttpServer(self.trap, "127.0.0.1", 0)
        self.auth_url = f"{self._server.url}/identity/v3"
        for number in range(1, HOSTS + 1):
            self.add_host(f"compute-{number}")
        guests = list(_GUESTS)
        if seed:
            chance.shuffle(guests)
        uuids = {guest.name: self.add_guest(HOST, guest) for guest in guests}
        for guest in guests:
            if guest.refusal:
                fault = Fault(status=409, message=guest.refusal, uuid=uuids[guest.name])
                faults.add("server.evacuate", fault)
        if seed:
            self._draw_failing(chance, uuids)
        self.cloud.fail_host(HOST)

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer until the block ends."""
        self._server.start()
        try:
            yield
        finally:
            self._server.stop()

    def _draw_failing(self, chance: random.Random, uuids: dict[str, str]) -> None:
        uuid = uuids[chance.choice([guest.name for guest in _GUESTS if guest.moves])]
        status = chance.choice(["failed", "error", "none", "none"])
        if status == "failed":
            self.cloud.fail_rebuild(uuid, times=1)
        elif status == "error":
            self.cloud.no_valid_host(uuid, times=1)
        if status != "none":
            self.failures[uuid] = [status]


def _usual() -> SimulatorOptions:
    return SimulatorOptions(evacuation_latency=0.05, action_latency=0.01, service_down_time=0.0)


def _draw(chance: random.Random) -> SimulatorOptions:
    return SimulatorOptions(
        evacuation_latency=chance.choice([0.01, 0.05, 0.2]),
        evacuation_jitter=chance.choice([0.0, 0.9]),
        action_latency=chance.choice([0.0, 0.01, 0.1]),
        service_down_time=chance.choice([0.0, 0.0, 0.8]),
    )
