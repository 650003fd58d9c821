"""Who recovers what, and when: one recovery per host, each in a green thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_utils import timeutils

from masakari_lite import concurrency, exceptions
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus

LOG = logging.getLogger(__name__)

Recover = Callable[[Notification], tuple[NotificationStatus, str]]

_DRAIN_INTERVAL = 0.05


class Dispatcher:
    """Takes up the journal's unfinished notifications, the oldest first.

    The journal is the queue: whatever is new there is taken up, and whatever is running there and not
    here was left by an engine that died, and goes on.
    """

    def __init__(self, conf: cfg.ConfigOpts, journal: Journal, recover: Recover) -> None:
        """Begin nothing yet.

        :param recover: recovers the host of a notification and returns its status and message; asks
            ``is_stopping()`` before it begins anything
        """
        self._conf = conf
        self._journal = journal
        self._recover = recover
        self._lock = threading.Lock()
        self._hosts: dict[str, Any] = {}
        self._stopping = False

    def is_stopping(self) -> bool:
        """Tell whether nothing new may be begun."""
        return self._stopping

    def take_up(self, minimum_age: float = 0) -> None:
        """Begin a recovery for every host that waits for one and has none running.

        :param minimum_age: seconds that a new notification must have waited
        """
        with self._lock:
            for notification in self._journal.list_unfinished():
                if self._stopping:
                    return
                if notification.hostname not in self._hosts and self._is_due(notification, minimum_age):
                    self._hosts[notification.hostname] = concurrency.spawn(self._work_on, notification)

    def take_up_left_ones(self) -> None:
        """Begin what nobody has begun for retry_notification_new_status_interval; called periodically."""
        self.take_up(self._conf.retry_notification_new_status_interval)

    def end_expired_ones(self) -> None:
        """End the notifications that are new for too long; called periodically."""
        limit = self._conf.notifications_expired_interval
        for notification in self._journal.list_notifications(status=NotificationStatus.NEW):
            if timeutils.is_older_than(notification.generated_time, limit):
                self._end(
                    notification,
                    NotificationStatus.FAILED,
                    f"expired: it is older than {limit} s (notifications_expired_interval), and nothing was "
                    "evacuated; notify again if the host is still down",
                )

    def stop(self, timeout: float | None) -> bool:
        """Begin nothing new, and wait for the recoveries that run.

        :param timeout: the longest to wait, in seconds; None waits until they have ended
        :returns: whether all have ended; what is left goes on at the next start
        """
        self._stopping = True
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._hosts and (deadline is None or time.monotonic() < deadline):
            time.sleep(_DRAIN_INTERVAL)
        return not self._hosts

    def _is_due(self, notification: Notification, minimum_age: float) -> bool:
        if notification.status is NotificationStatus.RUNNING:
            return True
        if timeutils.is_older_than(notification.generated_time, self._conf.notifications_expired_interval):
            return False
        return not minimum_age or timeutils.is_older_than(notification.created_at, minimum_age)

    def _work_on(self, notification: Notification) -> None:
        try:
            self._run(notification)
        except exceptions.EngineStopping as reason:
            LOG.info("[%s] left for the next start: %s", notification.notification_uuid, reason)
            return
        except exceptions.JournalError as error:
            LOG.error("[%s] left for the next look: %s", notification.notification_uuid, error)
            return
        finally:
            with self._lock:  # not while take_up() looks at rows that it read before this one ended
                del self._hosts[notification.hostname]
        self.take_up()

    def _run(self, notification: Notification) -> None:
        uuid = notification.notification_uuid
        self._journal.update_notification(
            uuid, status=NotificationStatus.RUNNING, attempts=notification.attempts + 1
        )
        LOG.info("[%s] Recovering host %s", uuid, notification.hostname)
        try:
            status, message = self._recover(notification)
        except exceptions.MasakariLiteError:
            raise
        except Exception as error:
            LOG.exception("[%s] unexpected", uuid)
            status, message = NotificationStatus.ERROR, f"unexpected {type(error).__name__}: {error}"
        self._end(notification, status, message)

    def _end(self, notification: Notification, status: NotificationStatus, message: str) -> None:
        self._journal.update_notification(notification.notification_uuid, status=status, message=message)
        level = logging.INFO if status is NotificationStatus.FINISHED else logging.ERROR
        LOG.log(
            level,
            "[%s] Recovery of host %s: %s, %s",
            notification.notification_uuid,
            notification.hostname,
            status,
            message,
        )
