"""What a purge deletes and what it keeps, on SQLite and on a server."""

import datetime

import pytest
import sqlalchemy as sa
from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.journal import retention, tables
from masakari_lite.journal.retention import Retention, Tally
from masakari_lite.models import NotificationStatus, VMoveStatus
from tests.unit.journal.conftest import build_notification, build_vmove

DAY = datetime.timedelta(days=1)
KEEP = 86400.0
FINAL = [status for status in NotificationStatus if status.is_final]
UNFINISHED = [status for status in NotificationStatus if not status.is_final]


@pytest.fixture
def leave(journal):
    """Leave a notification in the journal, as it was changed last some days ago."""

    def add(days, status=NotificationStatus.FINISHED, vmoves=0, **changes):
        moment = timeutils.utcnow() - days * DAY
        taken = journal.notifications.claim(journal.notifications.add(build_notification()), "engine")
        values = {"status": VMoveStatus.SUCCEEDED, "updated_at": moment} | changes
        journal.vmoves.add(taken, [build_vmove(taken, **values) for _ in range(vmoves)])
        query = (
            sa.update(tables.NotificationRow)
            .filter_by(notification_uuid=taken.notification_uuid)
            .values(status=status.value, updated_at=moment)
        )
        journal.transactions.run(lambda session: session.execute(query))
        return taken.notification_uuid

    return add


@pytest.fixture
def purge(journal):
    """Purge, and return what was counted."""

    def run(days=30, max_rows=None, dry_run=False, keep=KEEP, follow=lambda tally: None):
        purging = Retention(journal.transactions, keep)
        purging.purge(days * DAY, max_rows, follow, dry_run)
        return purging.tally

    return run


def list_left(journal):
    return {notification.notification_uuid for notification in journal.notifications.list_by()}


@pytest.mark.parametrize("status", FINAL)
def test_what_has_ended_long_ago_is_deleted_with_its_vmoves(journal, leave, purge, status):
    old = leave(31, status, vmoves=3)
    young = leave(29, status, vmoves=3)
    assert purge() == Tally(notifications=1, vmoves=3)
    assert list_left(journal) == {young}
    assert (len(journal.vmoves.list_of(old)), len(journal.vmoves.list_of(young))) == (0, 3)


@pytest.mark.parametrize("status", UNFINISHED)
def test_what_has_not_ended_is_kept_whatever_its_age(journal, leave, purge, status):
    left = leave(4000, status, vmoves=2)
    assert purge() == Tally(unfinished=1)
    assert list_left(journal) == {left}
    assert len(journal.vmoves.list_of(left)) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"locked_by_us": True},
        {"recheck_at": datetime.datetime(2020, 1, 1)},
        {"updated_at": timeutils.utcnow() - DAY / 2},  # an engine has just removed a lock
    ],
)
def test_what_an_engine_has_still_to_check_or_just_has_is_kept(journal, leave, purge, changes):
    left = leave(4000, vmoves=2, **changes)
    leave(4000, vmoves=2)
    assert purge() == Tally(notifications=1, vmoves=2, needed=1)
    assert list_left(journal) == {left}
    assert len(journal.vmoves.list_of(left)) == 2


def test_what_a_recovery_may_go_on_with_is_kept_whatever_age_is_given(journal, leave, purge):
    leave(1.1, NotificationStatus.FAILED, vmoves=1)
    young = leave(0.9, NotificationStatus.FAILED, vmoves=1)
    assert purge(days=0) == Tally(notifications=1, vmoves=1)
    assert list_left(journal) == {young}


def test_the_oldest_come_first_and_no_more_rows_than_allowed(journal, leave, purge):
    last, first, second = leave(40, vmoves=2), leave(60, vmoves=2), leave(50, vmoves=2)
    assert purge(max_rows=3) == Tally(notifications=1, vmoves=2)
    assert list_left(journal) == {second, last}
    # a notification goes after all its vmoves
    assert purge(max_rows=1) == Tally(vmoves=1)
    assert [len(journal.vmoves.list_of(uuid)) for uuid in (first, second, last)] == [0, 1, 2]
    assert purge(max_rows=100) == Tally(notifications=2, vmoves=3)
    assert list_left(journal) == set()


def test_a_dry_run_tells_and_deletes_nothing(journal, leave, purge):
    left = {leave(40, vmoves=2), leave(50, vmoves=1), leave(60, NotificationStatus.NEW)}
    assert purge(dry_run=True) == Tally(notifications=2, vmoves=3, unfinished=1)
    assert purge(dry_run=True, max_rows=2) == Tally(notifications=1, vmoves=1, unfinished=1)
    assert list_left(journal) == left


def test_many_pages_and_batches_and_what_is_kept_among_them(journal, leave, purge, monkeypatch):
    monkeypatch.setattr(retention, "_PAGE", 2)
    monkeypatch.setattr(retention, "_BATCH", 3)
    kept = {leave(60, NotificationStatus.ERROR), leave(60, vmoves=1, locked_by_us=True)}
    for _ in range(5):
        leave(40, vmoves=4)
    kept |= {leave(35, NotificationStatus.RUNNING)}
    told = []
    tally = purge(follow=lambda tally: told.append(tally.deleted))
    assert tally == Tally(notifications=5, vmoves=20, unfinished=2, needed=1)
    assert list_left(journal) == kept
    assert told == [3, 6, 9, 12, 15, 18, 21, 24, 25]


def test_rows_of_the_same_moment_are_each_seen_once(journal, leave, purge, monkeypatch):
    monkeypatch.setattr(retention, "_PAGE", 2)
    moment = timeutils.utcnow() - 40 * DAY
    for _ in range(5):
        leave(40)
    query = sa.update(tables.NotificationRow).values(updated_at=moment)
    journal.transactions.run(lambda session: session.execute(query))
    assert purge(dry_run=True) == purge() == Tally(notifications=5)


def test_an_interrupted_purge_tells_what_it_has_done_and_can_be_run_again(journal, leave, purge, monkeypatch):
    monkeypatch.setattr(retention, "_BATCH", 2)
    leave(40, vmoves=3)

    def interrupt(_tally):
        raise KeyboardInterrupt

    purging = Retention(journal.transactions, KEEP)
    with pytest.raises(KeyboardInterrupt):
        purging.purge(30 * DAY, None, interrupt)
    assert purging.tally == Tally(vmoves=2)
    assert purge() == Tally(notifications=1, vmoves=1)


def test_a_database_that_fails_is_told(journal, leave, purge, url):
    leave(40)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE vmoves"))
    engine.dispose()
    with pytest.raises(exceptions.JournalError):
        purge()
