"""One recovery by each of those that are compared, and the figures of it."""

import contextlib
import dataclasses
import datetime
import json
import pathlib
import resource
import signal
import statistics
import subprocess
import sys
import time
import uuid

from masakari_lite import concurrency, polling
from masakari_lite.rpc import transport
from masakari_lite.rpc.client import EngineAPI
from tests.benchmark.clouds import BenchmarkCloud, Usage
from tests.harness import settings
from tests.harness.monitor import build_notification
from tests.harness.process import Process

_LIMIT = 3600
_ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass
class Figures:
    """What one recovery took; seconds, unless said otherwise.

    :ivar begun: when all hosts were reported, or Nova reported them down; since the epoch
    :ivar cpu: of the process, an instance
    :ivar memory: the most that the process had, in MiB
    :ivar memory_at_rest: before the recovery, in MiB
    :ivar calls: how long each RPC call took
    """

    wall: float
    begun: float
    usage: Usage
    cpu: float = 0.0
    memory: float = 0.0
    memory_at_rest: float = 0.0
    calls: list[float] = dataclasses.field(default_factory=list)

    def to_dict(self) -> dict[str, object]:
        """Return the figures for a table and for JSON."""
        return {
            "wall_s": round(self.wall, 2),
            "first_s": round(self.usage.first - self.begun, 2),
            "locked_median_s": _quantile(self.usage.locked, 0.5),
            "locked_95_s": _quantile(self.usage.locked, 0.95),
            "unlocked_after_s": _quantile(self.usage.delays, 0.5),
            "requests": sum(self.usage.counts.values()),
            "nova_s": round(sum(self.usage.seconds.values()), 1),
            "tokens": self.usage.tokens,
            "cpu_ms_per_instance": round(1000 * self.cpu, 1),
            "memory_mib": round(self.memory, 1),
            "memory_at_rest_mib": round(self.memory_at_rest, 1),
            "rpc_median_s": _quantile(self.calls, 0.5),
            "rpc_99_s": _quantile(self.calls, 0.99),
            "requests_by_kind": self.usage.counts,
            "nova_s_by_kind": {kind: round(took, 2) for kind, took in self.usage.seconds.items()},
        }


def run_floor(cloud: BenchmarkCloud, threads: int) -> Figures:
    """Have the bare loop evacuate all instances."""
    cloud.fail()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmark.floor"],
        input=json.dumps({"nova": cloud.nova, "hosts": cloud.hosts, "threads": threads}),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=_ROOT,
        timeout=_LIMIT,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(done.stdout)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    usage = cloud.read_usage()
    return Figures(
        found["wall"],
        found["begun"],
        usage,
        cpu=cpu / sum(map(len, cloud.hosts.values())),
    )


def run_engine(
    cloud: BenchmarkCloud,
    threads: int,
    directory: pathlib.Path,
    transport_url: str,
    is_forced: bool = True,
    **options: object,
) -> Figures:
    """Have an engine recover all hosts.

    :param transport_url: of a message broker
    :param is_forced: whether it forces their services down, or waits until Nova reports them down
    :param options: of the engine; ``group__name=value``
    """
    topic = f"benchmark-{uuid.uuid4().hex[:12]}"
    process = Process(directory)
    process.configure(
        transport_url=transport_url,
        control_exchange=topic,
        masakari_topic=topic,
        oslo_messaging_rabbit__amqp_auto_delete=True,
        host_failure_recovery_threads=threads,
        verify_interval=None,
        process_unfinished_notifications_interval=None,
        retry_notification_new_status_interval=None,
        wait_period_after_evacuation=None,
        nova__late_request_period=None,
        host_failure__force_down=is_forced,
        **({f"nova__{name}": value for name, value in cloud.nova.items()} | options),
    )
    process.start()
    try:
        process.until_it_says("The engine is ready", limit=60)
        process.until_it_says("Nova answers", limit=60)
        with contextlib.closing(_Connection(process)) as connection:
            return _measure(cloud, process, connection, is_forced)
    finally:
        process.end(signal.SIGTERM)  # its queues go with it
        process.kill()


class _Connection:
    """A monitor's connection to the engine; it calls twice a second and notes how long that takes."""

    def __init__(self, process: Process) -> None:
        conf = settings.load(process.path)
        self._transport = transport.get_transport(conf)
        self.api = EngineAPI(conf, self._transport, timeout=60)
        self.calls: list[float] = []
        self._calling = concurrency.spawn(self._call)

    def close(self) -> None:
        self._calling.kill()
        self._transport.cleanup()

    def _call(self) -> None:
        while True:
            begun = time.monotonic()
            self.api.list_notifications(limit=10)
            self.calls.append(time.monotonic() - begun)
            time.sleep(0.5)


def _measure(cloud: BenchmarkCloud, process: Process, connection: _Connection, is_forced: bool) -> Figures:
    at_rest, cpu = process.read_memory(), process.read_cpu()
    cloud.fail()
    begun = time.time()
    uuids = [
        connection.api.process_notification(build_notification(host))["notification_uuid"]
        for host in cloud.hosts
    ]
    if not is_forced:
        polling.wait_until(cloud.are_down, 0.05, _LIMIT, "Nova reports them down")
        begun = time.time()
    ended = _wait_for(connection, uuids)
    cpu = process.read_cpu() - cpu
    wall = max(_read_end(connection, one) for one in ended) - begun
    count = sum(map(len, cloud.hosts.values()))
    vmoves = [vmove for one in ended for vmove in connection.api.list_vmoves(one)]
    wrong = [vmove for vmove in vmoves if vmove["status"] != "succeeded"]
    if len(vmoves) != count or wrong:
        raise SystemExit(
            f"{len(vmoves)} of {count} instances, not recovered: {wrong[:3]}\n{process.output[-3000:]}"
        )
    return Figures(
        wall,
        begun,
        cloud.read_usage(),
        cpu=cpu / count,
        memory=process.read_memory("VmHWM"),
        memory_at_rest=at_rest,
        calls=connection.calls,
    )


def _wait_for(connection: _Connection, uuids: list[str]) -> list[str]:
    """Wait until all recoveries have ended."""
    running, ended = [*uuids], []

    def have_ended() -> bool:
        while running and connection.api.get_notification(running[-1])["status"] not in ("new", "running"):
            ended.append(running.pop())
        return not running

    polling.wait_until(have_ended, 1, _LIMIT, "the end of the recoveries")
    return ended


def _read_end(connection: _Connection, notification_uuid: str) -> float:
    """Return when a recovery has ended; journal and benchmark are on one machine."""
    updated_at = connection.api.get_notification(notification_uuid)["updated_at"]
    return datetime.datetime.fromisoformat(f"{updated_at}+00:00").timestamp()


def _quantile(values: list[float], share: float) -> float:
    if not values:
        return 0.0
    if share == 0.5:
        return round(statistics.median(values), 3)
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))], 3)
