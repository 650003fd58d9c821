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
from typing import Any

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
_LOCK, _UNLOCK = (f"POST /servers/{{id}}/action {action}" for action in ("lock", "unlock"))
_SPARE_HOSTS = 3
"""How many hosts there are to evacuate to, at least; as many as fail where these are more."""


@dataclasses.dataclass
class Usage:
    """What was asked of Nova.

    :ivar counts: requests by kind
    :ivar seconds: how long Nova took for them, by kind; this and what follows is empty on the simulator
    :ivar tokens: that Keystone has issued
    :ivar first_lock: when the first lock request came, in seconds since the epoch
    :ivar locked: for how many seconds each instance was locked, from the end of one request to the other's
    """

    counts: dict[str, int]
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    tokens: int = 0
    first_lock: float = 0.0
    locked: list[float] = dataclasses.field(default_factory=list)


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
        return Usage(dict(self._count() - self._before))

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
        self.settings = self._cloud.settings
        self.directory = self.settings.path()
        self.all_hosts = list(self._cloud.hosts)
        host = self.all_hosts[0]
        self.nova = dict(self._cloud.nova_options())
        self.hosts = {host: self._cloud.boot(instances, host)}
        self._offset = 0
        time.sleep(_SETTLED)

    def fail(self) -> None:
        for host in self.hosts:
            self._cloud.kill_compute(host)
        self._offset = self._cloud.request_offset()

    def force_down(self) -> None:
        """Have Nova take the failed hosts for down, as whoever fences them does."""
        for host in self.hosts:
            self._cloud.update_service(host, forced_down=True)

    def read_usage(self) -> Usage:
        log = self.settings.path("log", REQUEST_LOG)
        user = self._cloud.masakari.user
        found = [entry for _offset, entry in requestlog.read(log, self._offset) if entry.get("user") == user]
        return summarize(found, requestlog.count(log, self._offset).tokens.get(user, 0))


def summarize(entries: list[dict[str, Any]], tokens: int = 0) -> Usage:
    """Add up what the request log has of Nova."""
    counts: collections.Counter[str] = collections.Counter()
    seconds: collections.Counter[str] = collections.Counter()
    locked_at: dict[str, float] = {}
    unlocked_at: dict[str, float] = {}
    first = 0.0
    for entry in entries:
        if entry["service"] != "nova":
            continue
        kind = requestlog.describe(entry)
        counts[kind] += 1
        seconds[kind] += entry["seconds"]
        end = entry["time"] + entry["seconds"]
        if kind == _LOCK:
            first = min(first or entry["time"], entry["time"])
            locked_at[entry["path"]] = end
        elif kind == _UNLOCK:
            unlocked_at[entry["path"]] = end
    locked = [unlocked_at[path] - begun for path, begun in locked_at.items() if path in unlocked_at]
    return Usage(dict(counts), dict(seconds), tokens, first, locked)


@contextlib.contextmanager
def real(instances: int) -> Iterator[BenchmarkCloud]:
    """Use the devcloud; it is brought up, and stays up."""
    yield RealCloud(instances)
    time.sleep(1)  # what was begun is over before the next one cleans up
