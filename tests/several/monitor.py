"""What a host monitor does: tell, with a uuid of its own, and tell again until it is answered."""

import contextlib
import uuid

import oslo_messaging
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.rpc import transport
from masakari_lite.rpc.client import EngineAPI
from tests.functional.harness import build_notification

_PATIENCE = 2


class Monitor:
    """Sends notifications to whichever engine takes them."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        self._transport = transport.get_transport(conf)
        self._api = EngineAPI(conf, self._transport, timeout=_PATIENCE)

    def close(self) -> None:
        """Give up the connection."""
        self._transport.cleanup()

    def notify(self, host: str) -> str:
        """Tell that a host has failed, as often as needed; returns the notification's uuid."""
        notification = build_notification(host, notification_uuid=str(uuid.uuid4()))
        while True:
            # an engine that cannot write it down has not taken it
            with contextlib.suppress(oslo_messaging.MessagingTimeout, exceptions.JournalError):
                answer = self._api.process_notification(notification)
                return str(answer["notification_uuid"])
