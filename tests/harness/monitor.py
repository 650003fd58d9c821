"""What a host monitor does: it notifies, with a uuid of its own, until it is answered."""

import contextlib
import uuid
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.models import JsonDict
from masakari_lite.rpc import transport
from masakari_lite.rpc.client import EngineAPI

HOST = "compute-1"
"""The host that fails, where there is only one."""
_TIMEOUT = 2


def build_notification(host: str = HOST, **changes: Any) -> JsonDict:
    """Make a notification as Masakari's host monitor sends it."""
    return {
        "type": "COMPUTE_HOST",
        "hostname": host,
        "generated_time": timeutils.utcnow().isoformat(),
        "payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
    } | changes


class Monitor:
    """Sends notifications to whichever engine takes them."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._transport = transport.get_transport(conf)
        self._api = EngineAPI(conf, self._transport, timeout=_TIMEOUT)

    def close(self) -> None:
        """Give up the connection."""
        self._transport.cleanup()

    def notify(self, host: str) -> str:
        """Notify that a host has failed, as often as needed; returns the notification's uuid."""
        notification = build_notification(host, notification_uuid=str(uuid.uuid4()))
        while True:
            # an engine that cannot write it to its journal has not accepted it
            with contextlib.suppress(oslo_messaging.MessagingTimeout, exceptions.JournalError):
                answer = self._api.process_notification(notification)
                return str(answer["notification_uuid"])
