"""Which notifications are claimed, case by case."""

import datetime

import pytest

from masakari_lite.engine import selection
from masakari_lite.journal.clock import JournalClock
from masakari_lite.models import Notification, NotificationStatus, NotificationType

NOW = datetime.datetime(2026, 11, 27, 16)
LONGEST = 120.0
EXPIRES = 86400.0


def ago(seconds):
    return NOW - datetime.timedelta(seconds=seconds)


def build(name, host="compute-1", status="new", came=10.0, retry_at=None):
    return Notification(
        name,
        NotificationType.COMPUTE_HOST,
        host,
        NOW,
        {},
        status=NotificationStatus(status),
        created_at=ago(came),
        retry_at=retry_at,
    )


@pytest.fixture
def clock():
    return JournalClock(lambda: NOW)


@pytest.mark.parametrize(
    ("notification", "delay"),
    [
        (build("new"), 0),
        (build("young", came=2), 3),
        (build("running", status="running", came=2 * EXPIRES), 0),
        (build("retried", status="error", retry_at=ago(1)), 0),
        (build("retried later", status="error", retry_at=ago(-30)), 30),
        (build("not retried", status="error"), None),
        (build("expired", came=EXPIRES + 60), None),
        (build("expired error", status="error", came=EXPIRES + 60, retry_at=ago(1)), None),
    ],
    ids=lambda value: getattr(value, "notification_uuid", ""),
)
def test_the_delay(clock, notification, delay):
    found = selection.find_delay(notification, clock, 5, EXPIRES)
    assert found == (delay if delay is None else pytest.approx(delay, abs=1))


@pytest.mark.parametrize(
    ("delays", "busy", "due", "next_poll"),
    [
        ([], (), [], LONGEST),
        ([("a", "one", "new", 0)], (), ["a"], LONGEST),
        ([("a", "one", "new", 0)], ("one",), [], LONGEST),
        ([("a", "one", "new", 7)], (), [], 7),
        ([("a", "one", "new", 7), ("b", "two", "error", 3)], (), [], 3),
        ([("a", "one", "new", None)], (), [], LONGEST),
        # one of each host, the oldest first
        ([("a", "one", "new", 0), ("b", "one", "new", 0), ("c", "two", "new", 0)], (), ["a", "c"], LONGEST),
        # a newer notification of the host resumes what is to be retried
        ([("a", "one", "error", 0), ("b", "one", "new", 0)], (), ["b"], LONGEST),
        ([("a", "one", "error", 0), ("b", "one", "new", 5)], (), [], 5),
        ([("a", "one", "error", 0), ("b", "one", "new", None)], (), ["a"], LONGEST),
        ([("a", "one", "error", 0), ("b", "one", "running", 0)], (), ["b"], LONGEST),
    ],
)
def test_what_is_selected(delays, busy, due, next_poll):
    found = [build(name, host, status) for name, host, status, _delay in delays]
    by_name = {name: delay for name, _host, _status, delay in delays}
    selected = selection.select(found, by_name, busy, LONGEST)
    assert ([one.notification_uuid for one in selected.due], selected.next_poll) == (due, next_poll)
