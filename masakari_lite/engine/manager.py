"""The RPC endpoint: what monitors and operators may ask of the engine."""

import contextlib
import dataclasses
import datetime
import enum
import logging
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.journal.store import Journal
from masakari_lite.models import (
    JsonDict,
    Notification,
    NotificationStatus,
    NotificationType,
    VMove,
)
from masakari_lite.rpc.transport import TARGET_VERSION

LOG = logging.getLogger(__name__)

_expected = oslo_messaging.expected_exceptions(
    exceptions.InvalidInput, exceptions.DuplicateNotification, exceptions.NotificationNotFound
)


class EngineManager:
    """Answers at once; recoveries run elsewhere."""

    target = oslo_messaging.Target(version=TARGET_VERSION)

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        journal: Journal,
        dispatcher: Dispatcher,
        report_health: Callable[[], JsonDict],
    ) -> None:
        self._conf = conf
        self._journal = journal
        self._dispatcher = dispatcher
        self._report_health = report_health
        self._accepting = threading.Lock()

    @_expected
    def process_notification(self, ctxt: Any, notification: Any = None, **unknown: Any) -> JsonDict:
        """Write a notification to the journal, then answer; a recovery begins on its own.

        The same notification_uuid sent again is answered with what became of it.

        :raises InvalidInput: naming the field that is missing or wrong
        :raises DuplicateNotification: naming the equal notification that is new or running
        """
        try:
            _refuse_unknown(unknown)
            accepted = self._accept(validation.parse_notification(notification))
        except (exceptions.InvalidInput, exceptions.DuplicateNotification) as error:
            # a cast has no answer, so this is all that its sender's operator will see
            LOG.warning("Notification refused: %s", error)
            raise
        if accepted.status is NotificationStatus.NEW:
            self._dispatcher.wake()
        return {
            "notification_uuid": accepted.notification_uuid,
            "status": str(accepted.status),
            "message": accepted.message,
        }

    @_expected
    def get_notification(self, ctxt: Any, notification_uuid: Any = None, **unknown: Any) -> JsonDict:
        """Show a notification.

        :raises NotificationNotFound: when there is none with that uuid
        """
        return _to_json(self._find(notification_uuid, unknown))

    @_expected
    def list_notifications(self, ctxt: Any, **filters: Any) -> list[JsonDict]:
        """List notifications, the newest first, by type, hostname, status; ``limit`` of them at most."""
        found = self._journal.list_notifications(**validation.parse_filters(filters))
        return [_to_json(notification) for notification in found]

    @_expected
    def list_vmoves(self, ctxt: Any, notification_uuid: Any = None, **unknown: Any) -> list[JsonDict]:
        """List the moves of a notification's instances.

        :raises NotificationNotFound: when there is none with that uuid
        """
        notification = self._find(notification_uuid, unknown)
        return [_to_json(vmove) for vmove in self._journal.list_vmoves(notification.notification_uuid)]

    @_expected
    def get_notification_recovery_workflow_details(
        self, ctxt: Any, notification_uuid: Any = None, **unknown: Any
    ) -> list[JsonDict]:
        """List the tasks of a notification's recovery with state, progress and details.

        :raises NotificationNotFound: when there is none with that uuid
        """
        return list(self._find(notification_uuid, unknown).progress)

    @_expected
    def get_health(self, ctxt: Any, **unknown: Any) -> JsonDict:
        """Tell how this engine is, within a few seconds (since version 1.1)."""
        _refuse_unknown(unknown)
        return self._report_health()

    def _find(self, notification_uuid: Any, unknown: JsonDict) -> Notification:
        _refuse_unknown(unknown)
        return self._journal.get_notification(validation.parse_uuid(notification_uuid))

    def _accept(self, notification: Notification) -> Notification:
        with contextlib.suppress(exceptions.NotificationNotFound):
            # asked first, so that while the database is away all wait for it at once, and not in a row
            return self._journal.get_notification(notification.notification_uuid)
        with self._accepting:
            self._refuse_duplicate(notification)
            accepted = self._journal.add_notification(_decide(notification))
        LOG.info(
            "[%s] %s of %s %s: %s %s",
            accepted.notification_uuid,
            accepted.type,
            accepted.hostname,
            accepted.payload.get("event"),
            accepted.status,
            accepted.message,
        )
        return accepted

    def _refuse_duplicate(self, notification: Notification) -> None:
        window = self._conf.duplicate_notification_detection_interval
        other = self._journal.find_duplicate(notification, window)
        # the same one, sent again, may be in the journal since a moment ago, by another engine
        if other and other.notification_uuid != notification.notification_uuid:
            raise exceptions.DuplicateNotification(
                f"notification {other.notification_uuid} is the same and is {other.status} "
                f"(duplicate_notification_detection_interval is {window} s)"
            )


def _decide(notification: Notification) -> Notification:
    """Give a notification that asks for no recovery its final status at once."""
    if notification.type is not NotificationType.COMPUTE_HOST:
        return _end(notification, NotificationStatus.IGNORED, "not handled yet")
    if notification.payload["event"] == "STARTED":
        return _end(notification, NotificationStatus.FINISHED, "the host has started, nothing is to be done")
    if notification.payload["host_status"] != "NORMAL":
        return _end(
            notification,
            NotificationStatus.IGNORED,
            "host_status is UNKNOWN: the host may be alive, so nothing is evacuated from it",
        )
    return notification


def _end(notification: Notification, status: NotificationStatus, message: str) -> Notification:
    return dataclasses.replace(notification, status=status, message=message)


def _refuse_unknown(unknown: JsonDict) -> None:
    if unknown:
        raise exceptions.InvalidInput(f"{sorted(unknown)[0]}: no such argument")


def _to_json(record: Notification | VMove) -> JsonDict:
    return {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
