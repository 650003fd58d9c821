"""The simulator as a site."""

import contextlib
from collections.abc import Iterator

from masakari_lite_simulator import Simulator, SimulatorOptions, views
from tests.contract.client import Account
from tests.contract.site import Site
from tests.harness.clock import LeapingClock

_LONG = 60.0


class SimulatedSite(Site):
    """A simulator in this process."""

    rpc_response_timeout = 6.0
    can_freeze = True

    def __init__(self) -> None:
        super().__init__()
        self._clock = LeapingClock()
        options = SimulatorOptions(
            evacuation_latency=0.2,
            action_latency=0.02,
            service_down_time=3600,
            rpc_response_timeout=self.rpc_response_timeout,
            token_lifetime=36000,
        )
        self._simulator = Simulator(options, self._clock)
        self._cloud = self._simulator.cloud
        self.hosts = [f"compute{number}" for number in range(1, 5)]
        for host in self.hosts:
            self._cloud.add_host(host)
        self._simulator.start()
        self.auth_url = self._simulator.auth_url
        self.accounts = {
            "masakari": Account("masakari", "masakari", "service"),
            "admin": Account("admin", "admin", "admin"),
            "owner": Account("alice", "alice", "demo"),
            "owners_admin": Account("demo-admin", "demo-admin", "demo"),
        }
        _, self.returning, self.living, self.failing = self.hosts
        self.image = views.IMAGE

    def close(self) -> None:
        super().close()
        self._simulator.stop()

    def take(self, host: str, state: str = "active") -> str:
        return self._cloud.add_server(host, vm_state=state).uuid

    def kill(self, host: str) -> None:
        self._cloud.fail_host(host)

    def start(self, host: str) -> None:
        self._cloud.start_host(host)

    def see_down(self, host: str) -> None:
        self._clock.leap(self._simulator.options.service_down_time + 1)

    def node(self, host: str) -> str:
        return self._cloud.hosts[host].node

    @contextlib.contextmanager
    def held_conductor(self) -> Iterator[None]:
        options = self._simulator.options
        usual, options.evacuation_latency = options.evacuation_latency, _LONG
        try:
            yield
        finally:
            options.evacuation_latency = usual
            self._clock.leap(_LONG)

    held_scheduler = held_conductor

    @contextlib.contextmanager
    def _down(self, cell: str) -> Iterator[None]:
        self._cloud.fail_cell(cell)
        try:
            yield
        finally:
            self._cloud.restore_cell(cell)

    def down_cell(self) -> contextlib.AbstractContextManager[None]:
        return self._down("cell1")

    def other_down_cell(self) -> contextlib.AbstractContextManager[None]:
        return self._down("cell0")

    @contextlib.contextmanager
    def held_rebuild(self, servers: list[str]) -> Iterator[str]:
        with self.held_conductor():
            self.client("masakari").evacuate(servers[0], host=self.living)
            self._clock.leap(_LONG / 2)
            yield servers[0]
