"""A whole engine on a simulated cloud, in one process: the real service, journal, RPC and HTTP."""

import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from oslo_config import cfg
from oslo_messaging import conffixture
from oslo_utils import timeutils

from masakari_lite import conf as options
from masakari_lite import polling
from masakari_lite.engine.service import EngineService
from masakari_lite.models import JsonDict
from masakari_lite.rpc import transport
from masakari_lite.rpc.client import EngineAPI
from masakari_lite.simulator import Simulator

HOST = "compute-1"
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
