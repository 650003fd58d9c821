"""Who recovers what, and when: one recovery per host, claimed, each in a green thread of its own."""

import datetime
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_utils import timeutils

from masakari_lite import concurrency, exceptions
from masakari_lite.engine.claims import Claim, Claims
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus
from masakari_lite.recovery import retries
from masakari_lite.recovery.flows import Result
from masakari_lite.trouble import Trouble

LOG = logging.getLogger(__name__)

Look = Callable[[float], float]
Watch = Callable[[Look, float], Look]
Recover = Callable[[Notification, Claim], Result]

_DRAIN_INTERVAL = 0.05


class Dispatcher:
    """Takes up the journal's unfinished notifications, the oldest first.

    The journal is the queue: what is new there is taken up, what has failed is tried again when that is
    due, and what is running there while nobody holds the claim on its host was left by an engine that
    died, and goes on.
    """

    def __init__(
        self, conf: cfg.ConfigOpts, journal: Journal, claims: Claims, name: str, recover: Recover
    ) -> None:
        """Begin nothing yet.

        :param name: of this engine, as the owner of what it takes up
        :param recover: recovers the host of a notification; asks ``is_stopping()``, and its claim, before
            it begins anything
        """
        self._conf = conf
        self._journal = journal
        self._claims = claims
        self._name = name
        self._recover = recover
        self._recovering: dict[str, Any] = {}
        self._stopping = False
        self._woken = threading.Event()
        self._trouble = Trouble(LOG, "No recovery is begun for now", "Recoveries are begun again")
        self._is_hindered = False
        self.looked_at = time.monotonic()

    @property
    def hosts(self) -> list[str]:
        """The hosts that this engine recovers now."""
        return sorted(self._recovering)

    def is_stopping(self) -> bool:
        """Tell whether nothing new may be begun."""
        return self._stopping

    def start(self, watch: Watch) -> None:
        """Look for work from now on: at once, when woken, and periodically.

        :param watch: makes of a look, and the seconds between two, one that is missed when it does not end
        """
        self._woken.set()
        concurrency.spawn(self._look_again_and_again, watch(self._look_safely, self._longest_pause()))

    def wake(self) -> None:
        """Have the journal looked at now: there is something new in it."""
        self._woken.set()

    def end_expired_ones(self) -> None:
        """End the notifications that nobody could act on for too long; called periodically."""
        limit = self._conf.notifications_expired_interval
        for status in (NotificationStatus.NEW, NotificationStatus.ERROR):
            for notification in self._journal.list_notifications(status=status):
                if timeutils.is_older_than(notification.generated_time, limit):
                    said = f"{retries.without_time(notification.message)}; " if notification.message else ""
                    message = (
                        f"{said}expired: it is older than {limit} s (notifications_expired_interval); notify "
                        "again if the host is still down"
                    )
                    self._give_up(notification, message)

    def stop(self, timeout: float | None) -> bool:
        """Begin nothing new, and wait for the recoveries that run.

        :param timeout: the longest to wait, in seconds; None waits until they have ended
        :returns: whether all have ended; what is left goes on at the next start
        """
        self._stopping = True
        self._woken.set()
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._recovering and (deadline is None or time.monotonic() < deadline):
            time.sleep(_DRAIN_INTERVAL)
        return not self._recovering

    # looking

    def _look_again_and_again(self, look: Look) -> None:
        while not self._stopping:
            # what could not be begun though its turn had come is looked at again, whatever its age
            is_due = self._woken.is_set() or self._is_hindered
            self._woken.clear()
            self._is_hindered = False
            self._woken.wait(look(0 if is_due else self._conf.retry_notification_new_status_interval))

    def _look_safely(self, minimum_age: float) -> float:
        """Look, and keep looking: a journal or a coordination service that is away now may be back then.

        :returns: seconds until the next look
        """
        self.looked_at = time.monotonic()
        try:
            pause = self._look(minimum_age)
        except exceptions.MasakariLiteError as error:
            self._trouble.begin(error)
        except Exception as error:
            LOG.exception("unexpected, while looking for unfinished notifications")
            self._trouble.begin(error)
        else:
            self._trouble.end()
            return pause
        self._is_hindered = True
        return self._longest_pause()

    def _look(self, minimum_age: float) -> float:
        pause = self._longest_pause()
        unfinished = self._journal.list_unfinished()
        delays = {found.notification_uuid: self._find_delay(found, minimum_age) for found in unfinished}
        # these come first: they may go on with what is to be tried again
        renewed = {
            found.hostname
            for found in unfinished
            if found.status.is_active and delays[found.notification_uuid] is not None
        }
        not_now = set(self._recovering)
        for notification in unfinished:
            if self._stopping:
                break
            is_superseded = (
                notification.status is NotificationStatus.ERROR and notification.hostname in renewed
            )
            due_in = delays[notification.notification_uuid]
            if due_in is None or notification.hostname in not_now or is_superseded:
                continue
            if due_in > 0:
                pause = min(pause, due_in)
            else:
                self._begin(notification)
                # nor a later one of a host whose first could not be begun
                not_now.add(notification.hostname)
        return pause

    def _longest_pause(self) -> float:
        lease: float = self._conf.coordination.lease_time
        longest: float = self._conf.process_unfinished_notifications_interval
        return min(longest, lease / 2)

    def _find_delay(self, notification: Notification, minimum_age: float) -> float | None:
        """Tell in how many seconds a notification is to be taken up; None when never."""
        if notification.status is NotificationStatus.RUNNING:
            return 0
        if timeutils.is_older_than(notification.generated_time, self._conf.notifications_expired_interval):
            return None
        if notification.status is NotificationStatus.ERROR:
            return _seconds_until(notification.retry_at) if notification.retry_at else None
        created_at = notification.created_at or timeutils.utcnow()
        return _seconds_until(created_at + datetime.timedelta(seconds=minimum_age))

    def _begin(self, notification: Notification) -> None:
        claim = self._claims.claim(notification.hostname)
        if claim is None:
            self._is_hindered |= notification.status is NotificationStatus.NEW
            return  # another engine recovers the host
        try:
            taken = self._journal.take_up(notification, self._name)
        except BaseException:
            self._claims.release(claim)
            raise
        if taken is None:
            self._claims.release(claim)  # it was ended, or taken up, since it was read
            return
        self._recovering[taken.hostname] = claim
        concurrency.spawn(self._work_on, taken, claim, notification.status)

    # working

    def _work_on(self, notification: Notification, claim: Claim, was: NotificationStatus) -> None:
        uuid = notification.notification_uuid
        is_over = False
        try:
            if was is NotificationStatus.RUNNING:
                LOG.warning("[%s] Going on with host %s where its engine left it", uuid, claim.host)
            else:
                LOG.info("[%s] Recovering host %s, try %s", uuid, claim.host, notification.attempts)
            self._end(notification, self._recover(notification, claim))
        except exceptions.RecoveryLeft as reason:
            LOG.warning("[%s] left for whoever takes it up next: %s", uuid, reason)
        except exceptions.JournalError as error:
            LOG.error("[%s] left for the next look: %s", uuid, error)
        except Exception:
            LOG.exception("[%s] unexpected, left for the next look", uuid)
        else:
            is_over = True
        finally:
            del self._recovering[notification.hostname]
            self._claims.release(claim)
        if is_over:
            self._woken.set()  # the host may have another notification

    def _give_up(self, notification: Notification, message: str) -> None:
        try:
            self._journal.give_up(notification, message)
        except exceptions.ClaimLost:
            LOG.debug("[%s] was taken up meanwhile", notification.notification_uuid)
        else:
            _say_end(notification, NotificationStatus.FAILED, message)

    def _end(self, notification: Notification, result: Result) -> None:
        if result.status is NotificationStatus.FAILED:
            self._journal.give_up(notification, result.message)
        else:
            self._journal.update_notification(
                notification,
                status=result.status,
                message=result.message,
                retry_at=result.retry_at,
                attempts=max(0, notification.attempts - (not result.is_counted)),
            )
        _say_end(notification, result.status, result.message)


def _say_end(notification: Notification, status: NotificationStatus, message: str) -> None:
    level = logging.INFO if status is NotificationStatus.FINISHED else logging.ERROR
    uuid, host = notification.notification_uuid, notification.hostname
    LOG.log(level, "[%s] Recovery of host %s: %s, %s", uuid, host, status, message)


def _seconds_until(moment: datetime.datetime) -> float:
    seconds: float = (moment - timeutils.utcnow()).total_seconds()
    return max(0.0, seconds)
