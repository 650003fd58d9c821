"""The configuration of the engines of one round, and of who looks at them."""

import pathlib
import uuid
from typing import Any

from oslo_config import cfg

from tests.harness import settings
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
        groups: settings.Groups = {
            "DEFAULT": {
                "transport_url": servers.transport,
                "control_exchange": self.topic,
                "masakari_topic": self.topic,
                "verify_interval": 0.25,
                "wait_period_after_service_update": 30,
                "wait_period_after_evacuation": 3,
                "graceful_shutdown_timeout": 10,
                "process_unfinished_notifications_interval": 5,
                "retry_notification_new_status_interval": 1,
            },
            "coordination": {"lease_time": lease},
            "database": {},
            "host_failure": {"evacuation_retry_interval": 1},
            # after a crash so long is waited for an evacuation that may not have been sent
            "nova": {"auth_url": auth_url, "late_request_period": 3, **settings.NOVA_AUTH},
            "oslo_messaging_rabbit": {"rabbit_transient_queues_ttl": 60},
        }
        if database:
            groups["database"]["connection"] = database
        if servers.coordination:
            groups["coordination"]["backend_url"] = servers.coordination
        self._groups = settings.change(groups, changes)

    def write(self, name: str, user: str) -> pathlib.Path:
        """Write the configuration file of an engine; returns its path.

        All engines have one state_path, as on one machine.

        :param name: its [DEFAULT] host
        :param user: as whom it works with Nova
        """
        own = {"host": name, "state_path": self._directory, "nova__username": user}
        return settings.write(self._directory / f"{name}.conf", self._groups, **own)

    def load(self) -> cfg.ConfigOpts:
        """Read the same as a monitor does, or whoever reads the journal."""
        return settings.load(self.write("nobody", "nobody"))
