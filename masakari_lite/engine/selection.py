"""Which notifications an engine claims now, and when it polls the journal next."""

import dataclasses
import datetime
from collections.abc import Collection, Sequence

from masakari_lite.journal.clock import JournalClock
from masakari_lite.models import Notification, NotificationStatus
from masakari_lite.recovery import retries


@dataclasses.dataclass(frozen=True)
class Selection:
    """What a poll of the journal has found.

    :ivar due: to be claimed now, at most one a host, the oldest first
    :ivar next_poll: in how many seconds the next one is due
    """

    due: tuple[Notification, ...]
    next_poll: float


def select(
    unfinished: Sequence[Notification],
    delays: dict[str, float | None],
    busy: Collection[str],
    longest: float,
) -> Selection:
    """Choose what is to be claimed.

    :param unfinished: notifications without a final status, the oldest first
    :param delays: by notification uuid, what ``find_delay()`` has found
    :param busy: hosts that this engine recovers now
    :param longest: seconds until the next poll when nothing is due before
    """
    # these come first: they may resume what is to be retried
    renewed = {
        found.hostname
        for found in unfinished
        if found.status.is_active and delays[found.notification_uuid] is not None
    }
    due: list[Notification] = []
    next_poll = longest
    chosen = set(busy)
    for notification in unfinished:
        host = notification.hostname
        delay = delays[notification.notification_uuid]
        is_superseded = notification.status is NotificationStatus.ERROR and host in renewed
        if delay is None or host in chosen or is_superseded:
            continue
        if delay > 0:
            next_poll = min(next_poll, delay)
        else:
            due.append(notification)
            chosen.add(host)
    return Selection(tuple(due), next_poll)


def find_delay(
    notification: Notification, clock: JournalClock, minimum_age: float, expires_after: float
) -> float | None:
    """Return in how many seconds a notification is to be claimed; None when never.

    :param minimum_age: seconds that a new one waits for the engine that has accepted it
    :param expires_after: seconds after which one that nobody could act on is given up
    """
    if notification.status is NotificationStatus.RUNNING:
        return 0  # no engine has its claim when nobody recovers it
    if has_expired(notification, clock, expires_after):
        return None
    if notification.status is NotificationStatus.ERROR:
        at = notification.retry_at
        return clock.find_delay(at, retries.LONGEST_PAUSE) if at else None
    at = _find_arrival(notification, clock) + datetime.timedelta(seconds=minimum_age)
    return clock.find_delay(at, minimum_age)


def has_expired(notification: Notification, clock: JournalClock, expires_after: float) -> bool:
    """Return whether it came too long ago; when it was generated is told by a clock that may be wrong."""
    return clock.find_least_age(_find_arrival(notification, clock)) > expires_after


def _find_arrival(notification: Notification, clock: JournalClock) -> datetime.datetime:
    return notification.created_at or clock.now()
