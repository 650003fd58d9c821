"""The configuration of the engines of one round, and of who looks at them."""

import pathlib
import uuid
from typing import Any

from oslo_config import cfg
from oslo_messaging import conffixture

from masakari_lite import conf as options
from tests.functional.harness import NOVA_AUTH
from tests.several.servers import Servers


class Settings:
    """What the engines of a round have in common.

    :ivar servers: where they meet
    :ivar topic: a name that no other round has, of the topic and of the exchange
    """

    def __init__(
        self,
        servers: Servers,
        database: str | None,
        directory: pathlib.Path,
        auth_url: str,
        lease: int,
        **changes: Any,
    ) -> None:
        """Choose.

        :param database: what ``servers.own_database()`` has made
        :param directory: an empty one, for this round alone
        :param lease: [coordination] lease_time
        :param changes: more options; ``group__name=value``
        """
        self.servers = servers
        self.topic = f"several-{uuid.uuid4().hex[:12]}"
        self.lease = lease
        self._directory = directory
        self._groups: dict[str, dict[str, Any]] = {
            "DEFAULT": {
                "transport_url": servers.transport,
                "control_exchange": self.topic,
                "masakari_topic": self.topic,
                "verify_interval": 0.25,
                "wait_period_after_service_update": 30,
                # after a crash so long is waited for an evacuation that may not have been sent
                "wait_period_after_evacuation": 3,
                "graceful_shutdown_timeout": 10,
                "process_unfinished_notifications_interval": 5,
                "retry_notification_new_status_interval": 1,
            },
            "coordination": {"lease_time": lease},
            "database": {},
            "host_failure": {"evacuation_retry_interval": 1},
            "nova": {"auth_url": auth_url, **NOVA_AUTH},
            "oslo_messaging_rabbit": {"rabbit_transient_queues_ttl": 60},
        }
        if database:
            self._groups["database"]["connection"] = database
        if servers.coordination:
            self._groups["coordination"]["backend_url"] = servers.coordination
        for name, value in changes.items():
            group, _, option = name.rpartition("__")
            self._groups[group or "DEFAULT"][option] = value

    def write(self, name: str, user: str, **changes: Any) -> pathlib.Path:
        """Write the configuration file of an engine; returns its path.

        All engines have one state_path, as on one machine.

        :param name: its [DEFAULT] host
        :param user: as whom it works with Nova
        """
        groups = {group: dict(values) for group, values in self._groups.items()}
        groups["DEFAULT"] |= {"host": name, "state_path": self._directory} | changes
        groups["nova"]["username"] = user
        path = self._directory / f"{name}.conf"
        path.write_text(
            "".join(
                f"[{group}]\n" + "".join(f"{option} = {value}\n" for option, value in values.items())
                for group, values in groups.items()
            )
        )
        return path

    def load(self) -> cfg.ConfigOpts:
        """Read the same as a monitor does, or whoever reads the journal."""
        path = self.write("nobody", "nobody")
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conffixture.ConfFixture(conf)  # registers what a ConfigOpts of one's own lacks
        conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
        return conf
