"""What happens to recoveries, for whoever wants to know: the log, metrics, other systems."""

import enum
import logging
from collections.abc import Callable
from typing import Any

from masakari_lite.models import Notification, NotificationStatus

LOG = logging.getLogger(__name__)


class Event(enum.StrEnum):
    """What is reported."""

    STARTED = "recovery.started"
    """An attempt begins."""
    RESUMED = "recovery.resumed"
    """What another engine, or an earlier run of this one, has left is resumed."""
    COMPLETED = "recovery.completed"
    """An attempt has ended; ``status`` and ``message`` are its result."""
    LEFT = "recovery.left"
    """This engine stops here: ``cause`` is why, ``resumed`` by whom or when it is resumed."""


Listener = Callable[[Event, Notification, dict[str, Any]], None]


class Events:
    """Calls the listeners of all events; a listener that fails disturbs no recovery."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = [log]

    def subscribe(self, listener: Listener) -> None:
        """Have a listener called from now on: with the event, the notification, and details."""
        self._listeners.append(listener)

    def emit(self, event: Event, notification: Notification, **details: Any) -> None:
        """Report an event."""
        for listener in self._listeners:
            try:
                listener(event, notification, details)
            except Exception:
                LOG.exception("[%s] A listener failed (event %s)", notification.notification_uuid, event)


def log(event: Event, notification: Notification, details: dict[str, Any]) -> None:
    """Write an event to the log."""
    uuid, host = notification.notification_uuid, notification.hostname
    if event is Event.STARTED:
        LOG.info("[%s] Recovering host %s (attempt %s)", uuid, host, notification.attempts)
    elif event is Event.RESUMED:
        former = details["former_owner"] or "unknown"
        LOG.warning("[%s] Resuming the recovery of host %s (left by engine %s)", uuid, host, former)
    elif event is Event.LEFT:
        resumed, cause = details["resumed"], details["cause"]
        LOG.log(details["level"], "[%s] Recovery of host %s left, resumed %s: %s", uuid, host, resumed, cause)
    else:
        level = logging.INFO if details["status"] is NotificationStatus.FINISHED else logging.ERROR
        status, message = details["status"], details["message"]
        LOG.log(level, "[%s] Recovery of host %s: %s, %s", uuid, host, status, message)
