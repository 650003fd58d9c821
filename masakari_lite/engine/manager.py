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

from masakari_lite import clocks, exceptions
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
from masakari_lite.reasons import Reason
from masakari_lite.recovery import retries
from masakari_lite.rpc.transport import TARGET_VERSION

LOG = logging.getLogger(__name__)

_VM_FAILURES = {
    ("LIFECYCLE", "STOPPED_FAILED"),
    ("QEMU_GUEST_AGENT_ERROR", "STOPPED_FAILED"),
    ("IO_ERROR", "IO_ERROR_REPORT"),
}
_STARTED = "the {} has started, nothing is to be done"
_NOT_HANDLED = "not handled yet"
_MAY_LIVE = "the host may be alive, so nothing is evacuated from it"
# seconds; a monitor sends a notification again for some minutes
_FAR_OFF = 300.0

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

        The same notification sent again is answered with what became of it: one with the same uuid, or one
        without uuid and the same in everything.

        :raises InvalidInput: naming the field that is missing or wrong
        :raises DuplicateNotification: naming the equal notification that is new or running, or was generated
            at the same time
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
        found = self._journal.notifications.list_by(**validation.parse_filters(filters))
        return [_to_json(notification) for notification in found]

    @_expected
    def list_vmoves(self, ctxt: Any, notification_uuid: Any = None, **unknown: Any) -> list[JsonDict]:
        """List the vmoves of a notification's instances.

        :raises NotificationNotFound: when there is none with that uuid
        """
        notification = self._find(notification_uuid, unknown)
        return [_to_json(vmove) for vmove in self._journal.vmoves.list_of(notification.notification_uuid)]

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
        """Return how this engine is, within a few seconds (since version 1.1)."""
        _refuse_unknown(unknown)
        return self._report_health()

    def _find(self, notification_uuid: Any, unknown: JsonDict) -> Notification:
        _refuse_unknown(unknown)
        return self._journal.notifications.get(validation.parse_uuid(notification_uuid))

    def _accept(self, notification: Notification) -> Notification:
        with contextlib.suppress(exceptions.NotificationNotFound):
            # asked first, so that while the database is unreachable all wait for it at once, and not in a row
            return self._journal.notifications.get(notification.notification_uuid)
        with self._accepting:
            self._refuse_duplicate(notification)
            accepted = self._journal.notifications.add(self._note_sender(_decide(notification)))
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

    def _note_sender(self, notification: Notification) -> Notification:
        """Note in the log and in the message when the clock of the sender is far off."""
        offset = dataclasses.replace(notification, created_at=self._journal.clock.now()).sender_offset
        if abs(offset) <= _FAR_OFF:
            return notification
        uuid, host = notification.notification_uuid, notification.hostname
        far = clocks.describe_offset(offset)
        advice = "set the clock of its sender by NTP"
        if offset < 0:
            advice += ", unless it was on its way for so long"
        skew = f"the generated_time of this notification of {host} is {far} the engines' clock: {advice}"
        LOG.warning("[%s] %s", uuid, skew)
        message = f"{notification.message}; {skew}" if notification.message else skew
        return dataclasses.replace(notification, message=message)

    def _refuse_duplicate(self, notification: Notification) -> None:
        window = self._conf.duplicate_notification_detection_interval
        other = self._journal.notifications.find_duplicate(notification, window)
        # the same one, sent again, may be in the journal since a moment ago, by another engine
        if other and other.notification_uuid != notification.notification_uuid:
            reason = f"(duplicate_notification_detection_interval is {window} s)"
            if other.generated_time == notification.generated_time:
                reason = "(the generated_time is the same, too)"
            raise exceptions.DuplicateNotification(
                f"notification {other.notification_uuid} is the same and is {other.status} {reason}"
            )


def _decide(notification: Notification) -> Notification:
    """Give a notification that asks for no recovery its final status at once, as Masakari does."""
    payload = notification.payload
    if notification.type is NotificationType.VM:
        event = payload["event"], payload["vir_domain_event"]
        if event in _VM_FAILURES:
            return _end(notification, NotificationStatus.IGNORED, Reason.NOT_HANDLED, _NOT_HANDLED)
        message = f"{'/'.join(event)} is no failure of a VM"
        return _end(notification, NotificationStatus.IGNORED, Reason.NO_FAILURE, message)
    has_started = payload["event"] == "STARTED"
    if notification.type is NotificationType.PROCESS:
        if has_started:
            return _end(notification, NotificationStatus.FINISHED, Reason.STARTED, _STARTED.format("process"))
        return _end(notification, NotificationStatus.IGNORED, Reason.NOT_HANDLED, _NOT_HANDLED)
    host_status = payload.get("host_status", "not given")
    if host_status != "NORMAL":
        message = f"host_status is {host_status}: {'nothing is to be done' if has_started else _MAY_LIVE}"
        return _end(notification, NotificationStatus.IGNORED, Reason.HOST_STATUS, message)
    if has_started:
        return _end(notification, NotificationStatus.FINISHED, Reason.STARTED, _STARTED.format("host"))
    return notification


def _end(notification: Notification, status: NotificationStatus, reason: str, message: str) -> Notification:
    return dataclasses.replace(notification, status=status, reason=reason, message=message)


def _refuse_unknown(unknown: JsonDict) -> None:
    if unknown:
        raise exceptions.InvalidInput(f"{sorted(unknown)[0]}: no such argument")


def _to_json(record: Notification | VMove) -> JsonDict:
    shown = {field.name: _plain(getattr(record, field.name)) for field in dataclasses.fields(record)}
    if isinstance(record, Notification):
        shown["message"] = retries.describe(record.message, record.retry_at)
    return shown


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, enum.Enum):
        return value.value
    return list(value) if isinstance(value, tuple) else value
