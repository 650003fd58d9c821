"""The simulator: a cloud behind a port."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from masakari_lite_simulator import report, scenario
from masakari_lite_simulator.application import Application
from masakari_lite_simulator.clock import Clock
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.faults import Faults
from masakari_lite_simulator.models import Server
from masakari_lite_simulator.options import SimulatorOptions
from masakari_lite_simulator.requestlog import RequestLog
from masakari_lite_simulator.server import HttpServer


class Simulator:
    """A Keystone and a Nova on a port of their own; a context manager that starts and stops them.

    :param options: how the cloud behaves
    :param clock: the cloud's clock; a ManualClock lets a test set the time
    :param host: the address to listen on
    :param port: the port; 0 takes a free one
    """

    def __init__(
        self,
        options: SimulatorOptions | None = None,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.options = options or SimulatorOptions()
        self.cloud = Cloud(self.options, clock)
        self.faults = Faults(self.options.seed)
        self.requests = RequestLog(self.options.log_size)
        self._application = Application(self.cloud, self.faults, self.requests)
        self._host = host
        self._server = HttpServer(self._application, host, port)
        self._own_ports: list[HttpServer] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to accept connections; after stop(), again on the same port, with the same cloud."""
        if self._server.is_stopped:
            self._server = HttpServer(self._application, self._host, self._server.port)
        self._server.start()

    def stop(self) -> None:
        """Close all connections and refuse new ones; the cloud's state is kept."""
        for server in (self._server, *self._own_ports):
            server.stop()

    def open_port(self, path: str) -> str:
        """Offer a service at the root of a port of its own too, like Nova on 8774 and Keystone on 5000.

        :param path: the service's path, "/compute" or "/identity"
        :returns: the URL of that port
        """
        server = HttpServer(self._application, self._host, 0, self.url, path)
        server.start()
        self._own_ports.append(server)
        return server.url

    @property
    def url(self) -> str:
        """The URL that all services are below."""
        return self._server.url

    @property
    def auth_url(self) -> str:
        """Keystone's URL, for auth_url or OS_AUTH_URL."""
        return f"{self.url}/identity/v3"

    @property
    def compute_url(self) -> str:
        """Nova's URL."""
        return f"{self.url}/compute/v2.1"

    @property
    def control_url(self) -> str:
        """The URL for a RemoteSimulator."""
        return f"{self.url}/control"

    def populate(self, hosts: int = 4, instances: int = 60, on_first: int = 40) -> list[Server]:
        """Add hosts and instances; return those of compute-1. See scenario.populate."""
        return scenario.populate(self.cloud, hosts, instances, on_first)

    def report(self, host: str) -> report.Report:
        """Report on the recovery of a failed host.

        :raises KeyError: when that host never failed
        """
        return report.build_report(self.cloud, self.requests, host)

    def revoke_tokens(self, user: str | None = None) -> int:
        """Revoke that user's tokens, or all; return how many there were."""
        with self.cloud.up_to_date():
            return self.cloud.identity.revoke_tokens(user)
