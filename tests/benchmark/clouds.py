"""The clouds of the benchmark: instances on hosts that fail at once, and what was asked of Nova meanwhile."""

import abc
import collections
import contextlib
import dataclasses
import os
import pathlib
import re
import sys
import time
from collections.abc import Iterator

from masakari_lite import polling
from masakari_lite_simulator import RemoteSimulator
from tests.cloud.clouds import bring_up
from tests.harness import settings
from tests.harness.program import Program
from tools.devcloud import requestlog
from tools.devcloud.healing import Healing
from tools.devcloud.services import REQUEST_LOG

_START_LIMIT = 30
_SETTLED = 75
"""Seconds: an instance that has changed within a minute before its host failed is asked for by itself."""
_SPARE_HOSTS = 3
"""How many hosts there are to evacuate to, at least; as many as fail where these are more."""


@dataclasses.dataclass
class Usage:
    """What was asked of Nova.

    :ivar counts: requests by kind
    :ivar seconds: how long Nova took for them, by kind; empty where the cloud does not tell
    """

    counts: dict[str, int]
    seconds: dict[str, float]


class BenchmarkCloud(abc.ABC):
    """A cloud that may be used up.

    :ivar nova: the options of [nova] of the engine's user
    :ivar hosts: those that are to fail, with the uuids of their instances
    """

    nova: dict[str, str]
    hosts: dict[str, list[str]]

    @abc.abstractmethod
    def fail(self) -> None:
        """Let all hosts fail at once."""

    @abc.abstractmethod
    def read_usage(self) -> Usage:
        """Return what the engine's user has asked since ``fail()``."""


class SimulatedCloud(BenchmarkCloud):
    """A simulator in a process of its own."""

    def __init__(self, control: RemoteSimulator, auth_url: str, hosts: int, instances: int) -> None:
        self._control = control
        self._before: collections.Counter[str] = collections.Counter()
        self.nova = {"auth_url": auth_url, **settings.NOVA_AUTH}
        self.hosts = {f"compute-{number}": [] for number in range(1, hosts + 1)}
        names = list(self.hosts)
        for number in range(instances):
            host = names[number % hosts]
            self.hosts[host].append(control.add_server(host))

    def fail(self) -> None:
        for host in self.hosts:
            self._control.fail_host(host)
        self._before = self._count()

    def read_usage(self) -> Usage:
        return Usage(dict(self._count() - self._before), {})

    def _count(self) -> collections.Counter[str]:
        return collections.Counter(self._control.requests()["by_user"].get(self.nova["username"], {}))


@contextlib.contextmanager
def simulated(
    directory: pathlib.Path, hosts: int, instances: int, latency: float
) -> Iterator[BenchmarkCloud]:
    """Run a simulator until the block ends.

    :param latency: seconds that an evacuation takes
    """
    options = {
        "hosts": hosts + max(_SPARE_HOSTS, hosts),
        "instances": 0,
        "on-first": 0,
        "evacuation-latency": latency,
        "action-latency": 0.1,
        "service-down-time": 0,
    }
    command = [sys.executable, "-m", "masakari_lite_simulator"]
    program = Program(
        directory / "simulator.log", command + [f"--{name}={value}" for name, value in options.items()]
    )
    program.start()
    try:
        urls = polling.wait_until(lambda: _read_urls(program.output), 0.05, _START_LIMIT, "the simulator")
        control = RemoteSimulator(urls["control"])
        with contextlib.closing(control):
            yield SimulatedCloud(control, urls["auth"], hosts, instances)
    finally:
        program.kill()


def _read_urls(output: str) -> dict[str, str] | None:
    urls = dict(re.findall(r"^(auth|control) URL +(\S+)$", output, re.MULTILINE))
    return urls if len(urls) == 2 else None


class RealCloud(BenchmarkCloud):
    """The devcloud: a real Nova with its fake virt driver, of whose hosts one can fail."""

    def __init__(self, instances: int) -> None:
        self._cloud = bring_up(os.environ)
        Healing(self._cloud).run()
        host = self._cloud.hosts[0]
        self.nova = dict(self._cloud.nova_options())
        self.hosts = {host: self._cloud.boot(instances, host)}
        self._offset = 0
        time.sleep(_SETTLED)

    def fail(self) -> None:
        for host in self.hosts:
            self._cloud.kill_compute(host)
        self._offset = self._cloud.request_offset()

    def read_usage(self) -> Usage:
        counts: collections.Counter[str] = collections.Counter()
        seconds: collections.Counter[str] = collections.Counter()
        for _offset, entry in requestlog.read(self._cloud.settings.path("log", REQUEST_LOG), self._offset):
            if entry["service"] == "nova" and entry.get("user") == self._cloud.masakari.user:
                kind = requestlog.describe(entry)
                counts[kind] += 1
                seconds[kind] += entry["seconds"]
        return Usage(dict(counts), dict(seconds))


@contextlib.contextmanager
def real(instances: int) -> Iterator[BenchmarkCloud]:
    """Use the devcloud; it is brought up, and stays up."""
    yield RealCloud(instances)
    time.sleep(1)  # what was begun is over before the next one cleans up
