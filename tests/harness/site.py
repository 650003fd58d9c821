"""A whole engine on a simulated cloud, in one process: the real service, journal, RPC and HTTP."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from keystoneauth1 import session
from keystoneauth1.identity import v3
from oslo_config import cfg

from masakari_lite import polling
from masakari_lite.engine.service import EngineService
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict
from masakari_lite.rpc.client import EngineAPI
from masakari_lite_simulator import Cloud, Migration, Server, Simulator, SimulatorOptions
from tests.harness import oracle, settings
from tests.harness.clock import LeapingClock
from tests.harness.monitor import HOST, build_notification

HOSTS = 4
QUICK = {"evacuation_latency": 0.05, "action_latency": 0.01, "service_down_time": 0.0}
VERIFY_INTERVAL = 0.05
_FAST = {
    "verify_interval": VERIFY_INTERVAL,
    "wait_period_after_service_update": 5,
    "graceful_shutdown_timeout": 10,
    "nova__late_request_period": 1,
}


def build_conf(
    simulator: Simulator, directory: Any, auth_url: str | None = None, **changes: Any
) -> cfg.ConfigOpts:
    """Make a configuration for an engine on that cloud; ``group__name=value`` sets an option."""
    groups: settings.Groups = {
        "DEFAULT": {"state_path": directory, "transport_url": "fake:/", "masakari_topic": uuid.uuid4()},
        "nova": {"auth_url": auth_url or simulator.auth_url, **settings.NOVA_AUTH},
    }
    conf = settings.load(settings.write(directory / "masakari.conf", groups))
    from oslo_service import _options

    conf.register_opts(_options.service_opts)
    for name, value in (_FAST | changes).items():
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


@contextlib.contextmanager
def running_engine(conf: cfg.ConfigOpts) -> Iterator[Engine]:
    """Run an engine until the block ends, then drain it."""
    engine = Engine(conf)
    engine.service.start()
    try:
        yield engine
    finally:
        engine.service.stop()


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

    def begin(self, **changes: Any) -> str:
        """Let compute-1 fail and notify; return the notification when Nova has accepted an evacuation."""
        self.cloud.fail_host(HOST)
        notification_uuid: str = self.engine.notify(**changes)["notification_uuid"]
        self.until(lambda: any(record.is_running for record in self.cloud.migrations))
        return notification_uuid

    def ask_as_owner(self, server: Server, action: JsonDict) -> int:
        """Ask for an action as the instance's owner does; return Nova's status."""
        domains = {"user_domain_name": "Default", "project_domain_name": "Default"}
        auth = v3.Password(self.simulator.auth_url, username="alice", password="alice", **domains)
        auth.project_name = "demo"
        url = f"{self.simulator.compute_url}/servers/{server.uuid}/action"
        client = session.Session(auth)
        status: int = client.post(url, json=action, raise_exc=False).status_code
        client.session.close()
        return status

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
            assert not list(oracle.judge_move(self.see(server), (HOST,), vm_state)), server
            (record,) = self.evacuations(server)
            assert server.host == record.dest_compute
        self.assert_safe()

    def assert_safe(self) -> None:
        """Make sure of what must be true of every recovery that has ended, whatever came of it."""
        with self.cloud.up_to_date():
            assert not oracle.judge_evacuations(self.cloud)
            here = [server for server in self.cloud.servers.values() if server.locked and not server.deleted]
            assert not [what for server in here for what in oracle.judge_lock(self.see(server))]

    def see(self, server: Server) -> oracle.Seen:
        """Look at an instance as the oracle does."""
        with self.cloud.up_to_date():
            return oracle.Seen.of(self.cloud, server)
