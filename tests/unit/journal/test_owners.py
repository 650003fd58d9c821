"""Several engines on one journal: who takes a notification up owns its recovery, and nobody else writes."""

import dataclasses
import datetime
import time
import uuid

import pytest
import sqlalchemy as sa
from oslo_utils import timeutils

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
    return journal.notifications.get(uuid), journal.vmoves.list_of(uuid)


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
        added = journal.notifications.add(build_notification(message="why", **changes))
        taken = journal.notifications.claim(added, LATTER)
        assert (taken.status, taken.owner, taken.attempts) == (NotificationStatus.RUNNING, LATTER, attempts)
        read = journal.notifications.get(added.notification_uuid)
        assert dataclasses.replace(read, updated_at=added.updated_at) == taken
        assert read.updated_at > added.updated_at
        assert (read.message, read.created_at, read.payload) == ("why", added.created_at, added.payload)

    def test_it_leaves_the_others(self, journal):
        one, another = (journal.notifications.add(build_notification()) for _ in range(2))
        journal.notifications.claim(one, LATTER)
        assert journal.notifications.get(another.notification_uuid) == another

    @pytest.mark.parametrize("status", NotificationStatus)
    def test_who_comes_second_gets_nothing(self, journal, other, status):
        journal.notifications.add(build_notification(status=status))
        [seen], [seen_by_other] = journal.notifications.list_by(), other.notifications.list_by()
        taken = journal.notifications.claim(seen, FORMER)
        before = look(journal, taken)
        assert other.notifications.claim(seen_by_other, LATTER) is None
        assert look(journal, taken) == before
        journal.notifications.update(taken, message="mine still")

    @pytest.mark.parametrize("status", [NotificationStatus.NEW, NotificationStatus.RUNNING])
    def test_one_of_many_gets_it(self, journal, other, status):
        seen = journal.notifications.add(build_notification(status=status))
        journals = (journal, other)

        def work(number):
            return journals[number % 2].notifications.claim(seen, f"engine-{number}")

        outcomes = list(concurrency.run_all(work, range(ENGINES), ENGINES))
        assert [outcome.error for outcome in outcomes if outcome.error] == []
        [taken] = [outcome.result for outcome in outcomes if outcome.result]
        read = journal.notifications.get(seen.notification_uuid)
        assert (read.owner, read.attempts) == (taken.owner, int(status is NotificationStatus.NEW))

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": NotificationStatus.FAILED},
            {"status": NotificationStatus.ERROR, "retry_at": MOMENT},
            {"generation": 1},
        ],
        ids=["expired", "attempted", "claimed"],
    )
    def test_not_when_it_has_changed_meanwhile(self, journal, changes):
        seen = journal.notifications.add(build_notification())
        journal.notifications.update(seen, **changes)
        before = look(journal, seen)
        assert journal.notifications.claim(seen, LATTER) is None
        assert look(journal, seen) == before

    def test_not_when_its_owner_has_tried_again_meanwhile(self, journal):
        added = journal.notifications.add(build_notification())
        first = journal.notifications.claim(added, FORMER)
        journal.notifications.update(first, status=NotificationStatus.ERROR, retry_at=MOMENT)
        seen = journal.notifications.get(added.notification_uuid)
        second = journal.notifications.claim(seen, FORMER)
        later = MOMENT + datetime.timedelta(minutes=2)
        journal.notifications.update(second, status=NotificationStatus.ERROR, retry_at=later)
        assert journal.notifications.claim(seen, LATTER) is None

    def test_not_when_there_is_none(self, journal):
        assert journal.notifications.claim(build_notification(), LATTER) is None


def change_notification(journal, notification, _move):
    journal.notifications.update(notification, status=NotificationStatus.FINISHED, message="mine")


def change_move(journal, notification, move):
    journal.vmoves.update(notification, move, step=Step.LOCK, locked_by_us=True)


def add_moves(journal, notification, _move):
    journal.vmoves.add(notification, [build_vmove(notification), build_vmove(notification)])


def add_no_moves(journal, notification, _move):
    journal.vmoves.add(notification, [])


@pytest.mark.parametrize("write", [change_notification, change_move, add_moves, add_no_moves])
class TestWriting:
    @pytest.fixture
    def former(self, journal):
        """The notification as its first owner has it."""
        return journal.notifications.claim(journal.notifications.add(build_notification()), FORMER)

    @pytest.fixture
    def move(self, journal, former):
        move = build_vmove(former)
        journal.vmoves.add(former, [move])
        return move

    def test_the_owner_may(self, journal, former, move, write):
        write(journal, former, move)

    def test_a_former_owner_may_not(self, journal, other, former, move, write):
        latter = other.notifications.claim(other.notifications.get(former.notification_uuid), LATTER)
        before = look(other, latter)
        lost = f"{former.notification_uuid} does not belong to {FORMER} any more"
        with pytest.raises(exceptions.ClaimLost, match=lost):
            write(journal, former, move)
        assert look(other, latter) == before
        write(other, latter, move)

    def test_who_has_not_claimed_it_may_not(self, journal, former, move, write):
        before = look(journal, former)
        with pytest.raises(exceptions.ClaimLost, match="does not belong to an engine any more"):
            write(journal, dataclasses.replace(former, owner=None, generation=0), move)
        assert look(journal, former) == before

    def test_a_former_owner_may_not_after_the_end_either(self, journal, other, former, move, write):
        latter = other.notifications.claim(other.notifications.get(former.notification_uuid), LATTER)
        other.notifications.update(latter, status=NotificationStatus.FINISHED)
        with pytest.raises(exceptions.ClaimLost):
            write(journal, former, move)


def test_a_move_of_another_notification_is_left_alone(journal):
    mine, others = (
        journal.notifications.claim(journal.notifications.add(build_notification()), owner)
        for owner in (FORMER, LATTER)
    )
    move = build_vmove(mine)
    theirs = dataclasses.replace(move, notification_uuid=others.notification_uuid)
    journal.vmoves.add(mine, [move])
    journal.vmoves.add(others, [theirs])
    journal.vmoves.update(mine, move, step=Step.EVACUATE)
    assert journal.vmoves.list_of(others.notification_uuid) == [theirs]


class TestLeftovers:
    @pytest.mark.parametrize("status", NotificationStatus)
    def test_only_while_nobody_goes_on(self, journal, status):
        added = journal.notifications.add(build_notification(status=status))
        locked = build_vmove(added, locked_by_us=True, status=VMoveStatus.ONGOING, step=Step.EVACUATE)
        journal.vmoves.add(added, [build_vmove(added), locked, build_vmove(added, locked=True)])
        assert journal.vmoves.list_stale() == ([] if status.is_active else [locked])

    def test_the_oldest_first_and_not_when_unlocked(self, journal):
        locked = []
        for host in ("compute-1", "compute-2"):
            added = journal.notifications.add(build_notification(hostname=host))
            locked += [build_vmove(added, locked_by_us=True) for _ in range(3)]
            journal.vmoves.add(added, locked[-3:])
            journal.notifications.update(added, status=NotificationStatus.FAILED)
        assert journal.vmoves.list_stale() == locked
        for move in locked[:3]:
            ended = journal.notifications.get(move.notification_uuid)
            journal.vmoves.update(ended, move, locked_by_us=False)
        assert journal.vmoves.list_stale() == locked[3:]

    @pytest.mark.parametrize(("seconds", "is_due"), [(-1, True), (60, False), (None, False)])
    def test_what_is_to_be_checked_again_when_it_is_time(self, journal, seconds, is_due):
        added = journal.notifications.add(build_notification(status=NotificationStatus.FINISHED))
        at = None if seconds is None else timeutils.utcnow() + datetime.timedelta(seconds=seconds)
        checked = build_vmove(added, status=VMoveStatus.SUCCEEDED, recheck_at=at)
        journal.vmoves.add(added, [checked])
        assert journal.vmoves.list_stale() == ([checked] if is_due else [])

    def test_one_vmove_is_found_by_both_its_uuids(self, journal):
        added = journal.notifications.add(build_notification())
        vmoves = [build_vmove(added), build_vmove(added)]
        journal.vmoves.add(added, vmoves)
        assert journal.vmoves.find(added.notification_uuid, vmoves[1].instance_uuid) == vmoves[1]
        assert journal.vmoves.find(str(uuid.uuid4()), vmoves[1].instance_uuid) is None
        assert journal.vmoves.find(added.notification_uuid, str(uuid.uuid4())) is None


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
        journal.transactions.run(lambda session: session.execute(query).all())
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
    assert ticks > 3
