"""What monitors and the operator's tool call: the engine's methods by RPC."""

from typing import Any

import oslo_messaging
from oslo_config import cfg

from masakari_lite.models import JsonDict
from masakari_lite.rpc import transport

_HEALTH_VERSION = "1.1"


class EngineAPI:
    """The engine, from another process.

    Every method but the cast raises ``oslo_messaging.MessagingTimeout`` when no engine answers within
    the time limit. While the broker itself is unreachable, oslo.messaging tries again and again: a monitor
    waits with it, the operator's tool (``cli/connection``) does not.
    """

    def __init__(self, conf: cfg.ConfigOpts, connection: Any = None, timeout: float | None = None) -> None:
        """Connect.

        :param connection: a transport to use; a new one by ``transport_url`` when absent
        :param timeout: seconds to wait for an answer; ``rpc_response_timeout`` when absent
        """
        connection = connection or transport.get_transport(conf)
        self._client = oslo_messaging.get_rpc_client(connection, transport.get_target(conf), timeout=timeout)

    def process_notification(self, notification: JsonDict) -> JsonDict:
        """Notify the engine that something failed, and wait until it is in the journal.

        A sender that must not lose a notification gives it a ``notification_uuid`` and calls again with
        the same one until answered.

        :param notification: type, hostname, generated_time (ISO 8601, UTC), payload and, if wanted,
            notification_uuid
        :returns: its notification_uuid, status and message
        :raises InvalidInput: when a field is missing or wrong
        :raises DuplicateNotification: when the same notification is new or running
        """
        return self._call("process_notification", notification=notification)

    def cast_notification(self, notification: JsonDict) -> None:
        """Notify the engine that something failed, without waiting for an answer."""
        self._client.cast({}, "process_notification", notification=notification)

    def get_notification(self, notification_uuid: str) -> JsonDict:
        """Fetch a notification.

        :raises NotificationNotFound: when there is none with that uuid
        """
        return self._call("get_notification", notification_uuid=notification_uuid)

    def list_notifications(self, **filters: Any) -> list[JsonDict]:
        """List notifications, the newest first.

        :param filters: type, hostname, status, limit
        """
        return self._call("list_notifications", **filters)  # type: ignore[return-value]

    def list_vmoves(self, notification_uuid: str) -> list[JsonDict]:
        """List the vmoves of a notification."""
        return self._call("list_vmoves", notification_uuid=notification_uuid)  # type: ignore[return-value]

    def get_notification_recovery_workflow_details(self, notification_uuid: str) -> list[JsonDict]:
        """List the tasks of a notification's recovery, their state and progress."""
        method = "get_notification_recovery_workflow_details"
        return self._call(method, notification_uuid=notification_uuid)  # type: ignore[return-value]

    def get_health(self, server: str | None = None) -> JsonDict:
        """Ask an engine how it is.

        :param server: the name of the engine, its ``[DEFAULT] host``; whichever answers when absent
        :returns: host, version, healthy, checks (by name, each with ok and message), and recoveries (the
            hosts that it recovers)
        """
        wanted = {} if server is None else {"server": server}
        return self._send(self._client.prepare(version=_HEALTH_VERSION, **wanted), "get_health", {})

    def _call(self, method: str, **arguments: Any) -> JsonDict:
        return self._send(self._client, method, arguments)

    def _send(self, client: Any, method: str, arguments: JsonDict) -> JsonDict:
        return client.call({}, method, **arguments)  # type: ignore[no-any-return]
