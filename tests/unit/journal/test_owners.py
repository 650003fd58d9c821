"""Several engines on one journal: who takes a notification up owns its recovery, and nobody else writes."""

import dataclasses
import datetime
import time

import pytest
import sqlalchemy as sa

from masakari_lite import concurrency, exceptions
from masakari_lite.journal import store
from masakari_lite.models import NotificationStatus, Step, VMoveStatus
from tests.unit.journal.conftest import build_notification, build_vmove, load

MOMENT = datetime.datetime(2026, 2, 28, 23, 59, 59, 123456)
FORMER, LATTER = "compute-9:1:00000001", "compute-9:2:00000002"
ENGINES = 20


@pytest.fixture
def other(journal, conf, open_journal):
    """The same journal as another engine has it open."""
    return open_journal(conf)


def look(journal, notification):
    """Tell all that the journal has about a notification."""
    uuid = notification.notification_uuid
    return journal.get_notification(uuid), journal.list_vmoves(uuid)


class TestTakingUp:
    @pytest.mark.parametrize(
        ("changes", "attempts"),
        [
            ({"status": NotificationStatus.NEW}, 1),
            ({"status": NotificationStatus.ERROR, "attempts": 2, "owner": FORMER, "retry_at": MOMENT}, 3),
            ({"status": NotificationStatus.RUNNING, "attempts": 2, "owner": FORMER}, 2),
            ({"status": NotificationStatus.RUNNING, "attempts": 1}, 1),
        ],
        ids=["new", "error", "running", "running since before there were owners"],
    )
    def test_what_it_writes(self, journal, changes, attempts):
        added = journal.add_notification(build_notification(message="why", **changes))
        taken = journal.take_up(added, LATTER)
        assert (taken.status, taken.owner, taken.attempts) == (NotificationStatus.RUNNING, LATTER, attempts)
        read = journal.get_notification(added.notification_uuid)
        assert dataclasses.replace(read, updated_at=added.updated_at) == taken
        assert read.updated_at > added.updated_at
        assert (read.message, read.created_at, read.payload) == ("why", added.created_at, added.payload)

    def test_it_leaves_the_others(self, journal):
        one, another = (journal.add_notification(build_notification()) for _ in range(2))
        journal.take_up(one, LATTER)
        assert journal.get_notification(another.notification_uuid) == another

    @pytest.mark.parametrize("status", NotificationStatus)
    def test_who_comes_second_gets_nothing(self, journal, other, status):
        journal.add_notification(build_notification(status=status))
        [seen], [seen_by_other] = journal.list_notifications(), other.list_notifications()
        taken = journal.take_up(seen, FORMER)
        before = look(journal, taken)
        assert other.take_up(seen_by_other, LATTER) is None
        assert look(journal, taken) == before
        journal.update_notification(taken, message="mine still")

    @pytest.mark.parametrize("status", [NotificationStatus.NEW, NotificationStatus.RUNNING])
    def test_one_of_many_gets_it(self, journal, other, status):
        seen = journal.add_notification(build_notification(status=status))
        journals = (journal, other)

        def work(number):
            return journals[number % 2].take_up(seen, f"engine-{number}")

        outcomes = list(concurrency.run_all(work, range(ENGINES), ENGINES))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        [taken] = [outcome.result for outcome in outcomes if outcome.result]
        read = journal.get_notification(seen.notification_uuid)
        assert (read.owner, read.attempts) == (taken.owner, int(status is NotificationStatus.NEW))

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": NotificationStatus.FAILED},
            {"status": NotificationStatus.ERROR, "retry_at": MOMENT},
            {"owner": FORMER},
        ],
        ids=["expired", "tried", "taken up"],
    )
    def test_not_when_it_has_changed_meanwhile(self, journal, changes):
        seen = journal.add_notification(build_notification())
        journal.update_notification(seen, **changes)
        before = look(journal, seen)
        assert journal.take_up(seen, LATTER) is None
        assert look(journal, seen) == before

    def test_not_when_its_owner_has_tried_again_meanwhile(self, journal):
        added = journal.add_notification(build_notification())
        first = journal.take_up(added, FORMER)
        journal.update_notification(first, status=NotificationStatus.ERROR, retry_at=MOMENT)
        seen = journal.get_notification(added.notification_uuid)
        second = journal.take_up(seen, FORMER)
        later = MOMENT + datetime.timedelta(minutes=2)
        journal.update_notification(second, status=NotificationStatus.ERROR, retry_at=later)
        assert journal.take_up(seen, LATTER) is None

    def test_not_when_there_is_none(self, journal):
        assert journal.take_up(build_notification(), LATTER) is None


def change_notification(journal, notification, _move):
    journal.update_notification(notification, status=NotificationStatus.FINISHED, message="mine")


def change_move(journal, notification, move):
    journal.update_vmove(notification, move, step=Step.LOCK, locked_by_us=True)


def add_moves(journal, notification, _move):
    journal.add_vmoves(notification, [build_vmove(notification), build_vmove(notification)])


def add_no_moves(journal, notification, _move):
    journal.add_vmoves(notification, [])


@pytest.mark.parametrize("write", [change_notification, change_move, add_moves, add_no_moves])
class TestWriting:
    @pytest.fixture
    def former(self, journal):
        """The notification as its first owner has it."""
        return journal.take_up(journal.add_notification(build_notification()), FORMER)

    @pytest.fixture
    def move(self, journal, former):
        move = build_vmove(former)
        journal.add_vmoves(former, [move])
        return move

    def test_the_owner_may(self, journal, former, move, write):
        write(journal, former, move)

    def test_a_former_owner_may_not(self, journal, other, former, move, write):
        latter = other.take_up(other.get_notification(former.notification_uuid), LATTER)
        before = look(other, latter)
        with pytest.raises(
            exceptions.ClaimLost, match=f"{former.notification_uuid} is not {FORMER}'s any more"
        ):
            write(journal, former, move)
        assert look(other, latter) == before
        write(other, latter, move)

    def test_who_has_not_taken_it_up_may_not(self, journal, former, move, write):
        before = look(journal, former)
        with pytest.raises(exceptions.ClaimLost, match="not unowned's any more"):
            write(journal, dataclasses.replace(former, owner=None), move)
        assert look(journal, former) == before

    def test_a_former_owner_may_not_after_the_end_either(self, journal, other, former, move, write):
        latter = other.take_up(other.get_notification(former.notification_uuid), LATTER)
        other.update_notification(latter, status=NotificationStatus.FINISHED)
        with pytest.raises(exceptions.ClaimLost):
            write(journal, former, move)


def test_a_move_of_another_notification_is_left_alone(journal):
    mine, others = (
        journal.take_up(journal.add_notification(build_notification()), owner) for owner in (FORMER, LATTER)
    )
    move = build_vmove(mine)
    theirs = dataclasses.replace(move, notification_uuid=others.notification_uuid)
    journal.add_vmoves(mine, [move])
    journal.add_vmoves(others, [theirs])
    journal.update_vmove(mine, move, step=Step.EVACUATE)
    assert journal.list_vmoves(others.notification_uuid) == [theirs]


class TestLockedMoves:
    @pytest.mark.parametrize("status", NotificationStatus)
    def test_only_while_nobody_goes_on(self, journal, status):
        added = journal.add_notification(build_notification(status=status))
        locked = build_vmove(added, locked_by_us=True, status=VMoveStatus.ONGOING, step=Step.EVACUATE)
        journal.add_vmoves(added, [build_vmove(added), locked, build_vmove(added, locked=True)])
        assert journal.list_locked_moves() == ([] if status.is_active else [locked])

    def test_the_oldest_first_and_not_when_unlocked(self, journal):
        locked = []
        for host in ("compute-1", "compute-2"):
            added = journal.add_notification(build_notification(hostname=host))
            locked += [build_vmove(added, locked_by_us=True) for _ in range(3)]
            journal.add_vmoves(added, locked[-3:])
            journal.update_notification(added, status=NotificationStatus.FAILED)
        assert journal.list_locked_moves() == locked
        for move in locked[:3]:
            ended = journal.get_notification(move.notification_uuid)
            journal.update_vmove(ended, move, locked_by_us=False)
        assert journal.list_locked_moves() == locked[3:]


def test_a_database_that_answers(journal):
    journal.ping()


def test_a_slow_server_keeps_no_other_green_thread_waiting(server_url, open_journal):
    conf = load(server_url)
    store.upgrade(conf)
    journal = open_journal(conf)
    is_postgresql = journal._engine.dialect.name == "postgresql"
    query = sa.text("SELECT pg_sleep(0.5)" if is_postgresql else "SELECT SLEEP(0.5)")

    begun, ended = [], []

    def wait():
        begun.append(time.monotonic())
        journal._run(lambda session: session.execute(query).all())
        ended.append(time.monotonic())

    ticks = 0

    def tick():
        nonlocal ticks
        began = time.monotonic()
        while time.monotonic() - began < 0.4:
            time.sleep(0.01)
            ticks += 1

    outcomes = list(concurrency.run_all(lambda work: work(), [wait, wait, tick], 3))
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    assert max(begun) < min(ended)  # both at once
    assert ticks > 20
