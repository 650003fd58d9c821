"""A whole engine on a simulated cloud, in one process: the real service, journal, RPC and HTTP."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from oslo_config import cfg
from oslo_messaging import conffixture
from oslo_utils import timeutils

from masakari_lite import conf as options
from masakari_lite import polling
from masakari_lite.engine.service import EngineService
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX
from masakari_lite.rpc.client import EngineAPI
from masakari_lite.simulator import Clock, Cloud, Migration, Server, Simulator, SimulatorOptions

HOST = "compute-1"
HOSTS = 4
QUICK = {"evacuation_latency": 0.05, "action_latency": 0.01, "service_down_time": 0.0}
NOVA_AUTH = {
    "auth_type": "password",
    "username": "masakari",
    "password": "masakari",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}


def build_conf(simulator: Simulator, directory: Any, **changes: Any) -> cfg.ConfigOpts:
    """Make a configuration for an engine on that cloud; ``group__name=value`` sets an option."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[], default_config_dirs=[])
    conffixture.ConfFixture(conf)
    lines = [f"{name} = {value}" for name, value in NOVA_AUTH.items()]
    path = directory / "masakari.conf"
    path.write_text(
        f"[DEFAULT]\nstate_path = {directory}\ntransport_url = fake:/\nmasakari_topic = {uuid.uuid4()}\n"
        f"[nova]\nauth_url = {simulator.auth_url}\n" + "\n".join(lines) + "\n"
    )
    conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
    fast: dict[str, Any] = {
        "verify_interval": 0.05,
        "wait_period_after_service_update": 5,
        "graceful_shutdown_timeout": 10,
    }
    from oslo_service import _options

    conf.register_opts(_options.service_opts)
    for name, value in (fast | changes).items():
        group, _, option = name.rpartition("__")
        conf.set_override(option, value, group=group or None)
    return conf


class Engine:
    """A running engine and the client of a monitor."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self.conf = conf
        self.service = EngineService(conf)
        self.api = EngineAPI(conf, timeout=10)

    def notify(self, host: str = HOST, **changes: Any) -> JsonDict:
        """Tell that a host failed, as a monitor does."""
        return self.api.process_notification(build_notification(host, **changes))

    def wait(self, notification_uuid: str, limit: float = 60) -> JsonDict:
        """Wait until a notification has ended."""

        def ended() -> JsonDict | None:
            found = self.api.get_notification(notification_uuid)
            return found if found["status"] not in ("new", "running") else None

        return polling.wait_until(ended, 0.02, limit, f"end of {notification_uuid}")

    def recover(self, host: str = HOST, **changes: Any) -> JsonDict:
        """Notify, and wait for the end."""
        return self.wait(self.notify(host, **changes)["notification_uuid"])


def build_notification(host: str = HOST, **changes: Any) -> JsonDict:
    """Make a notification as Masakari's host monitor sends it."""
    return {
        "type": "COMPUTE_HOST",
        "hostname": host,
        "generated_time": timeutils.utcnow().isoformat(),
        "payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
    } | changes


@contextlib.contextmanager
def running_engine(conf: cfg.ConfigOpts) -> Iterator[Engine]:
    """Run an engine until the block ends, then drain it."""
    engine = Engine(conf)
    engine.service.start()
    try:
        yield engine
    finally:
        engine.service.stop()


class LeapingClock(Clock):
    """The machine's time, except that a test can let the cloud's future come at once."""

    def __init__(self) -> None:
        super().__init__()
        self._leapt = 0.0

    def now(self) -> float:
        return super().now() + self._leapt

    def leap(self, seconds: float) -> None:
        """Let that much time pass in the cloud, and none elsewhere."""
        self._leapt += seconds


class Site:
    """A simulated cloud whose compute-1 can fail, and the engine that watches over it."""

    def __init__(self, directory: Any, stack: contextlib.ExitStack, cloud: JsonDict, **changes: Any) -> None:
        self._engine: Engine | None = None
        self._running = contextlib.ExitStack()
        self.clock = LeapingClock()
        self.simulator = stack.enter_context(Simulator(SimulatorOptions(**(QUICK | cloud)), self.clock))
        stack.enter_context(self._running)
        for number in range(1, HOSTS + 1):
            self.cloud.add_host(f"compute-{number}")
        self.conf = build_conf(self.simulator, directory, **changes)

    @property
    def cloud(self) -> Cloud:
        """The simulated Nova's truth."""
        return self.simulator.cloud

    @property
    def engine(self) -> Engine:
        """The engine; it starts when it is first asked for."""
        if self._engine is None:
            self._engine = self._running.enter_context(running_engine(self.conf))
        return self._engine

    def stop(self) -> None:
        """Drain the engine; the next use starts another on the same journal."""
        self._running.close()
        self._engine = None

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        """Open the journal while no engine runs, as what an engine that died has left."""
        assert self._engine is None
        journal = Journal(self.conf)
        try:
            yield journal
        finally:
            journal.close()

    def add(self, count: int, **state: Any) -> list[Server]:
        """Put instances on compute-1."""
        return [self.cloud.add_server(HOST, **state) for _ in range(count)]

    def recover(self, host: str = HOST, **changes: Any) -> JsonDict:
        """Let the host fail, notify, and wait for the end."""
        self.cloud.fail_host(host)
        return self.engine.recover(host, **changes)

    def vmove(self, notification: JsonDict, server: Server) -> JsonDict:
        """Show the move of one instance."""
        moves = self.engine.api.list_vmoves(notification["notification_uuid"])
        (found,) = [move for move in moves if move["instance_uuid"] == server.uuid]
        return found

    def evacuations(self, server: Server) -> list[Migration]:
        """List the evacuation records of an instance, the oldest first."""
        with self.cloud.up_to_date():
            return [
                record
                for record in self.cloud.migrations
                if record.instance_uuid == server.uuid and record.migration_type == "evacuation"
            ]

    def has(self, server: Server, **values: Any) -> bool:
        """Tell whether an instance is so now."""
        with self.cloud.up_to_date():
            return all(getattr(server, name) == value for name, value in values.items())

    def until(self, predicate: Callable[[], Any], limit: float = 20) -> Any:
        """Wait until something is so in the cloud."""

        def ask() -> Any:
            with self.cloud.up_to_date():
                return predicate()

        return polling.wait_until(ask, 0.005, limit, "what the test waits for")

    def assert_evacuated_once(self, *servers: Server, vm_state: str = "active") -> None:
        """Make sure that instances are elsewhere, in that state, evacuated once, with no lock of ours."""
        for server in servers:
            records = self.evacuations(server)
            assert [record.status for record in records] == ["done"], server
            assert server.host == records[0].dest_compute != HOST
            assert (server.vm_state, server.task_state) == (vm_state, None)
        self.assert_safe()

    def assert_safe(self) -> None:
        """Make sure of what must be true of every recovery that has ended, whatever came of it."""
        with self.cloud.up_to_date():
            records = [record for record in self.cloud.migrations if record.accepted]
            assert not [record for record in records if record.overlapped]
            assert not [record for record in records if record.host_was_alive or record.service_was_up]
            assert not [
                server
                for server in self.cloud.servers.values()
                if server.locked
                and not server.deleted
                and LOCKED_REASON_PREFIX in (server.locked_reason or "")
            ]
