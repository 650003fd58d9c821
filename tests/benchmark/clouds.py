"""The clouds of the benchmark: instances on hosts that fail at once, and what was asked of Nova meanwhile."""

import abc
import argparse
import collections
import contextlib
import dataclasses
import datetime
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
from tools.devcloud.database import run_sql
from tools.devcloud.healing import Healing
from tools.devcloud.services import REQUEST_LOG

_START_LIMIT = 30
_ACTIONS = "lock", "evacuate", "unlock"
_LOCK, _EVACUATE, _UNLOCK = (f"POST /servers/{{id}}/action {action}" for action in _ACTIONS)
_SPARE_HOSTS = 3
"""How many hosts there are to evacuate to, at least; as many as fail where these are more."""


@dataclasses.dataclass
class Moments:
    """When something happened to an instance, in seconds since the epoch; 0 when it did not.

    :ivar locked: and ``unlocked``, when the request was answered
    :ivar evacuated: when the request came
    :ivar ended: when its evacuation ended in Nova; on the real cloud give or take half a second
    """

    locked: float = 0.0
    evacuated: float = 0.0
    ended: float = 0.0
    unlocked: float = 0.0


@dataclasses.dataclass
class Usage:
    """What was asked of Nova, and when.

    :ivar counts: requests by kind
    :ivar seconds: how long Nova took for them, by kind; empty on the simulator, as is what follows
    :ivar tokens: that Keystone has issued
    :ivar moments: of each instance, by its uuid
    """

    counts: dict[str, int]
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)
    tokens: int = 0
    moments: dict[str, Moments] = dataclasses.field(default_factory=dict)

    @property
    def first(self) -> float:
        """When the first evacuate request came."""
        return min((found.evacuated for found in self.moments.values() if found.evacuated), default=0.0)

    @property
    def locked(self) -> list[float]:
        """For how many seconds each instance was locked."""
        return [found.unlocked - found.locked for found in self.moments.values() if found.unlocked]

    @property
    def delays(self) -> list[float]:
        """How many seconds after the end of its evacuation each instance was unlocked."""
        return [
            found.unlocked - found.ended for found in self.moments.values() if found.ended and found.unlocked
        ]


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
    def are_down(self) -> bool:
        """Return whether Nova reports all of them down."""

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

    def are_down(self) -> bool:
        return not any(host["up"] for host in self._control.hosts() if host["name"] in self.hosts)

    def read_usage(self) -> Usage:
        return Usage(dict(self._count() - self._before), moments=read_events(self._control.events()))

    def _count(self) -> collections.Counter[str]:
        return collections.Counter(self._control.requests()["by_user"].get(self.nova["username"], {}))


def read_events(events: list[dict[str, Any]]) -> dict[str, Moments]:
    """Find in the simulator's events when what happened to each instance."""
    moments: dict[str, Moments] = collections.defaultdict(Moments)
    for event in events:
        found, text = moments[event["subject"]], event["text"]
        if text == "locked by admin":
            found.locked = event["time"]
        elif text == "accepted":
            found.evacuated = event["time"]
        elif text.startswith("done"):
            found.ended = event["time"]
        elif text == "unlocked":
            found.unlocked = event["time"]
    return dict(moments)


@contextlib.contextmanager
def simulated(
    directory: pathlib.Path, size: argparse.Namespace, service_down_time: float
) -> Iterator[BenchmarkCloud]:
    """Run a simulator until the block ends.

    :param size: how many ``hosts`` are to fail, with how many ``instances``; ``latency`` of an evacuation
    :param service_down_time: seconds after which Nova reports a failed host down
    """
    options = {
        "hosts": size.hosts + max(_SPARE_HOSTS, size.hosts),
        "instances": 0,
        "on-first": 0,
        "evacuation-latency": size.latency,
        "action-latency": 0.1,
        "service-down-time": service_down_time,
        "log-size": 10 * size.instances + 1000,
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
            yield SimulatedCloud(control, urls["auth"], size.hosts, size.instances)
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
        self._age()

    def _age(self) -> None:
        """Let an hour pass: an instance that has changed within a minute is asked for by itself."""
        schema = self.settings.database_prefix + "nova"
        run_sql(self.settings, f"UPDATE `{schema}`.instances SET updated_at = updated_at - INTERVAL 1 HOUR")

    def fail(self) -> None:
        for host in self.hosts:
            self._cloud.kill_compute(host)
        self._offset = self._cloud.request_offset()

    def force_down(self) -> None:
        """Have Nova take the failed hosts for down, as whoever fences them does."""
        for host in self.hosts:
            self._cloud.update_service(host, forced_down=True)

    def are_down(self) -> bool:
        services = self._cloud.compute_services()
        return all(services[host]["state"] == "down" for host in self.hosts)

    def read_usage(self) -> Usage:
        log = self.settings.path("log", REQUEST_LOG)
        user = self._cloud.masakari.user
        found = [entry for _offset, entry in requestlog.read(log, self._offset) if entry.get("user") == user]
        usage = summarize(found, requestlog.count(log, self._offset).tokens.get(user, 0))
        for uuid, moments in usage.moments.items():
            ended = [record["updated_at"] for record in self._cloud.evacuations(uuid)]
            # Nova's database drops what is less than a second: half a second on average
            moments.ended = datetime.datetime.fromisoformat(f"{max(ended)}+00:00").timestamp() + 0.5
        return usage


def summarize(entries: list[dict[str, Any]], tokens: int = 0) -> Usage:
    """Add up what the request log has of Nova."""
    counts: collections.Counter[str] = collections.Counter()
    seconds: collections.Counter[str] = collections.Counter()
    moments: dict[str, Moments] = collections.defaultdict(Moments)
    for entry in entries:
        if entry["service"] != "nova":
            continue
        kind = requestlog.describe(entry)
        counts[kind] += 1
        seconds[kind] += entry["seconds"]
        uuid, end = entry["path"].split("/")[-2], entry["time"] + entry["seconds"]
        if kind == _LOCK:
            moments[uuid].locked = end
        elif kind == _EVACUATE:
            moments[uuid].evacuated = entry["time"]
        elif kind == _UNLOCK:
            moments[uuid].unlocked = end
    return Usage(dict(counts), dict(seconds), tokens, dict(moments))


@contextlib.contextmanager
def real(instances: int) -> Iterator[BenchmarkCloud]:
    """Use the devcloud; it is brought up, and stays up."""
    yield RealCloud(instances)
    time.sleep(1)  # what was begun is over before the next one cleans up
