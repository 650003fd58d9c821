"""Starting recoveries: one per host, claimed, each in a green thread of its own."""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg

from masakari_lite import concurrency, exceptions
from masakari_lite.coordination.claims import Claim, Claims
from masakari_lite.engine import selection
from masakari_lite.engine.admission import Admission
from masakari_lite.engine.events import Event, Events
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus
from masakari_lite.outage import OutageReporter
from masakari_lite.reasons import Reason
from masakari_lite.recovery import retries
from masakari_lite.recovery.results import Result

LOG = logging.getLogger(__name__)

Poll = Callable[[float], float]
Watch = Callable[[Poll, float], Poll]
Recover = Callable[[Notification, Claim], Result]

_DRAIN_INTERVAL = 0.05


class Dispatcher:
    """Claims the journal's unfinished notifications, the oldest first, and has them recovered.

    The journal is the queue: what is new there is claimed, what has failed is retried when that is due, and
    what is running there while nobody has the claim on its host was left by an engine that died: it is
    resumed.
    """

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        journal: Journal,
        claims: Claims,
        name: str,
        recover: Recover,
        admission: Admission,
        events: Events,
    ) -> None:
        """Begin nothing yet.

        :param name: of this engine, as the owner of what it claims
        :param recover: recovers the host of a notification; asks ``is_stopping()``, and its claim, before
            it begins anything
        """
        self._conf = conf
        self._journal = journal
        self._clock = journal.clock
        self._claims = claims
        self._name = name
        self._recover = recover
        self._admission = admission
        self._events = events
        self._recovering: dict[str, Any] = {}
        self._stopping = False
        self._woken = threading.Event()
        self._outage = OutageReporter(LOG, "No recovery can be started", "Recoveries can be started again")
        self._is_hindered = False
        self.polled_at = time.monotonic()

    @property
    def hosts(self) -> list[str]:
        """The hosts that this engine recovers now."""
        return sorted(self._recovering)

    def is_stopping(self) -> bool:
        """Return whether nothing new may be begun."""
        return self._stopping

    def start(self, watch: Watch) -> None:
        """Poll the journal from now on: at once, when woken, and periodically.

        :param watch: makes of a poll, and the seconds between two, one that is missed when it does not return
        """
        self._woken.set()
        concurrency.spawn(self._poll_forever, watch(self._poll_safely, self._longest_pause()))

    def wake(self) -> None:
        """Have the journal polled now: there is something new in it."""
        self._woken.set()

    def give_up_expired(self) -> None:
        """Give up the notifications that nobody could act on for too long; called periodically."""
        limit = self._conf.notifications_expired_interval
        for status in (NotificationStatus.NEW, NotificationStatus.ERROR):
            for notification in self._journal.notifications.list_by(status=status):
                if selection.has_expired(notification, self._clock, limit):
                    reason = f"{notification.message}; " if notification.message else ""
                    message = (
                        f"{reason}expired: it came more than {limit} s ago (notifications_expired_interval); "
                        "notify again if the host is still down"
                    )
                    self._give_up(notification, Reason.EXPIRED, message)

    def stop(self, timeout: float | None) -> bool:
        """Begin nothing new, and wait for the recoveries that run.

        :param timeout: the longest to wait, in seconds; None waits until they have ended
        :returns: whether all have ended; the rest is resumed at the next start
        """
        self._stopping = True
        self._woken.set()
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._recovering and (deadline is None or time.monotonic() < deadline):
            time.sleep(_DRAIN_INTERVAL)
        return not self._recovering

    # polling

    def _poll_forever(self, poll: Poll) -> None:
        while not self._stopping:
            # what could not be begun when it was due is due at once, whatever its age
            is_due = self._woken.is_set() or self._is_hindered
            self._woken.clear()
            self._is_hindered = False
            self._woken.wait(poll(0 if is_due else self._conf.retry_notification_new_status_interval))

    def _poll_safely(self, minimum_age: float) -> float:
        """Poll, and keep polling: a journal or a coordination service that is unreachable may come back.

        :returns: seconds until the next poll
        """
        self.polled_at = time.monotonic()
        try:
            pause = self._poll(minimum_age)
        except exceptions.MasakariLiteError as error:
            self._outage.begin(error)
        except Exception as error:
            LOG.exception("Unexpected error while polling for unfinished notifications")
            self._outage.begin(error)
        else:
            self._outage.end()
            return pause
        self._is_hindered = True
        return self._longest_pause()

    def _poll(self, minimum_age: float) -> float:
        self._clock.check()
        unfinished = self._journal.notifications.list_unfinished()
        expires_after = self._conf.notifications_expired_interval
        delays = {
            found.notification_uuid: selection.find_delay(found, self._clock, minimum_age, expires_after)
            for found in unfinished
        }
        selected = selection.select(unfinished, delays, self._recovering, self._longest_pause())
        for notification in selected.due:
            if self._stopping:
                break
            self._begin(notification)
        return selected.next_poll

    def _longest_pause(self) -> float:
        lease: float = self._conf.coordination.lease_time
        longest: float = self._conf.process_unfinished_notifications_interval
        return min(longest, lease / 2)

    # starting

    def _begin(self, notification: Notification) -> None:
        # what was begun is resumed whatever the checks say: its instances may be locked
        is_begun = notification.status is NotificationStatus.RUNNING
        objection = "" if is_begun else self._admission.find_objection(notification)
        if objection:
            uuid = notification.notification_uuid
            LOG.info("[%s] Recovery of host %s held: %s", uuid, notification.hostname, objection)
            self._is_hindered |= notification.status is NotificationStatus.NEW
            return
        claim = self._claims.claim(notification.hostname)
        if claim is None:
            self._is_hindered |= notification.status is NotificationStatus.NEW
            return  # another engine recovers the host
        try:
            claimed = self._journal.notifications.claim(notification, self._name)
        except BaseException:
            self._claims.release(claim)
            raise
        if claimed is None:
            self._claims.release(claim)  # it was given up, or claimed, since it was read
            return
        self._recovering[claimed.hostname] = claim
        concurrency.spawn(self._run, claimed, claim, notification)

    def _run(self, notification: Notification, claim: Claim, former: Notification) -> None:
        uuid = notification.notification_uuid
        is_completed = False
        try:
            if former.status is NotificationStatus.RUNNING:
                self._events.emit(Event.RESUMED, notification, former_owner=former.owner)
            else:
                self._events.emit(Event.STARTED, notification)
            self._complete(notification, self._recover(notification, claim))
        except exceptions.RecoveryLeft as reason:
            resumed = "by this engine or another one"
            self._events.emit(Event.LEFT, notification, cause=reason, resumed=resumed, level=logging.WARNING)
        except exceptions.JournalError as error:
            resumed = "when the journal answers"
            self._events.emit(Event.LEFT, notification, cause=error, resumed=resumed, level=logging.ERROR)
        except Exception:
            LOG.exception("[%s] Unexpected error; the recovery is resumed by the next poll", uuid)
        else:
            is_completed = True
        finally:
            del self._recovering[notification.hostname]
            self._claims.release(claim)
        if is_completed:
            self._woken.set()  # the host may have another notification

    def _give_up(self, notification: Notification, reason: str, message: str) -> None:
        try:
            self._journal.notifications.give_up(notification, reason, message)
        except exceptions.ClaimLost:
            LOG.debug("[%s] was claimed meanwhile", notification.notification_uuid)
        else:
            failed = NotificationStatus.FAILED
            self._events.emit(Event.COMPLETED, notification, status=failed, message=message)

    def _complete(self, notification: Notification, result: Result) -> None:
        if result.status is NotificationStatus.FAILED:
            self._journal.notifications.give_up(notification, result.reason, result.message)
        else:
            self._journal.notifications.update(
                notification,
                status=result.status,
                reason=result.reason,
                message=result.message,
                retry_at=result.retry_at,
                attempts=max(0, notification.attempts - (not result.is_counted)),
            )
        message = retries.describe(result.message, result.retry_at)
        self._events.emit(Event.COMPLETED, notification, status=result.status, message=message)
