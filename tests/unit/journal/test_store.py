"""What is written is read again, whatever database keeps it."""

import dataclasses
import datetime
import time

import pytest
import sqlalchemy as sa
from oslo_utils import timeutils

from masakari_lite import concurrency, exceptions
from masakari_lite.models import NotificationStatus, NotificationType, Step, VMoveStatus
from tests.unit.journal.conftest import build_notification, build_vmove, load

ODD = "größe «😀» 主机 \\ ' \" % ; -- \n\t"
MOMENT = datetime.datetime(2026, 2, 28, 23, 59, 59, 123456)
THREADS = 40


def fail(outcomes):
    return [outcome.error for outcome in outcomes if outcome.error]


class TestNotifications:
    def test_every_field(self, journal):
        wanted = build_notification(
            type=NotificationType.VM,
            hostname="h" * 255,
            generated_time=MOMENT,
            payload={"event": ODD, "list": [1, 2.5, None, True], "nested": {"a": {}}},
            status=NotificationStatus.ERROR,
            attempts=7,
            message=ODD * 100,
            retry_at=MOMENT,
            owner="engine-1",
            progress=({"name": "task", "state": "RUNNING", "progress": 0.5, "details": [ODD]}, {}),
        )
        before = journal.clock.now()
        written = journal.notifications.add(wanted)
        read = journal.notifications.get(wanted.notification_uuid)
        assert read == written
        assert dataclasses.replace(read, created_at=None, updated_at=None) == wanted
        assert before <= read.created_at == read.updated_at <= journal.clock.now()
        assert type(read.status) is NotificationStatus
        assert type(read.type) is NotificationType

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": NotificationStatus.RUNNING},
            {"attempts": 3, "message": ODD},
            {"status": NotificationStatus.ERROR, "retry_at": MOMENT},
            {"progress": ({"name": "a", "progress": 0.25}, {"name": "b", "progress": 1.0})},
        ],
    )
    def test_each_change(self, journal, changes):
        added = journal.notifications.add(build_notification())
        journal.notifications.update(added, **changes)
        read = journal.notifications.get(added.notification_uuid)
        assert dataclasses.replace(read, updated_at=added.updated_at) == dataclasses.replace(added, **changes)
        assert read.updated_at > added.updated_at

    def test_a_change_of_one_leaves_the_others(self, journal):
        one, other = (journal.notifications.add(build_notification()) for _ in range(2))
        journal.notifications.update(one, status=NotificationStatus.FAILED)
        assert journal.notifications.get(other.notification_uuid) == other

    def test_the_same_uuid_again_stays_as_it_is(self, journal):
        first = journal.notifications.add(build_notification())
        journal.notifications.update(first, status=NotificationStatus.RUNNING)
        again = journal.notifications.add(
            build_notification(notification_uuid=first.notification_uuid, hostname="compute-2")
        )
        assert (again.status, again.hostname) == (NotificationStatus.RUNNING, "compute-1")
        assert len(journal.notifications.list_by()) == 1

    def test_none_with_that_uuid(self, journal):
        with pytest.raises(exceptions.NotificationNotFound, match="'nobody'"):
            journal.notifications.get("nobody")

    def test_it_is_there_when_another_opens_the_journal(self, journal, conf, open_journal):
        added = journal.notifications.add(build_notification())
        assert open_journal(conf).notifications.get(added.notification_uuid) == added


class TestLists:
    @pytest.fixture
    def added(self, journal):
        return [
            journal.notifications.add(build_notification(hostname=host, type=kind, status=status))
            for host, kind, status in (
                ("compute-1", NotificationType.COMPUTE_HOST, NotificationStatus.FINISHED),
                ("compute-1", NotificationType.VM, NotificationStatus.IGNORED),
                ("compute-2", NotificationType.COMPUTE_HOST, NotificationStatus.RUNNING),
                ("compute-1", NotificationType.COMPUTE_HOST, NotificationStatus.NEW),
                ("compute-3", NotificationType.COMPUTE_HOST, NotificationStatus.ERROR),
            )
        ]

    @pytest.mark.parametrize(
        ("filters", "wanted"),
        [
            ({}, [4, 3, 2, 1, 0]),
            ({"hostname": "compute-1"}, [3, 1, 0]),
            ({"type": "VM"}, [1]),
            ({"status": "running"}, [2]),
            ({"hostname": "compute-1", "type": "COMPUTE_HOST"}, [3, 0]),
            ({"hostname": "compute-1", "status": "running"}, []),
            ({"limit": 2}, [4, 3]),
            ({"limit": 1, "hostname": "compute-1"}, [3]),
            ({"limit": 100}, [4, 3, 2, 1, 0]),
            ({"hostname": None, "status": None, "type": None, "limit": None}, [4, 3, 2, 1, 0]),
            ({"hostname": "nobody"}, []),
        ],
    )
    def test_filters_and_the_newest_first(self, journal, added, filters, wanted):
        assert journal.notifications.list_by(**filters) == [added[number] for number in wanted]

    def test_the_unfinished_the_oldest_first(self, journal, added):
        assert journal.notifications.list_unfinished() == [added[2], added[3], added[4]]

    def test_every_status_is_finished_or_not(self, journal):
        for status in NotificationStatus:
            journal.notifications.add(build_notification(status=status))
        assert {found.status for found in journal.notifications.list_unfinished()} == {
            "new",
            "running",
            "error",
        }


class TestDuplicates:
    @pytest.fixture
    def first(self, journal):
        return journal.notifications.add(build_notification())

    def test_one_like_it_is_found(self, journal, first):
        assert journal.notifications.find_duplicate(build_notification(), window=180) == first

    @pytest.mark.parametrize(
        "changes",
        [
            {"hostname": "compute-2"},
            {"type": NotificationType.PROCESS},
            {"payload": {"event": "STARTED", "host_status": "NORMAL"}},
        ],
    )
    def test_one_that_differs_is_not(self, journal, first, changes):
        assert journal.notifications.find_duplicate(build_notification(**changes), window=180) is None

    def test_when_it_was_generated_makes_no_difference(self, journal, first):
        assert (
            journal.notifications.find_duplicate(build_notification(generated_time=MOMENT), window=180)
            == first
        )

    def test_the_order_of_the_payload_makes_no_difference(self, journal, first):
        payload = dict(reversed(first.payload.items()))
        assert journal.notifications.find_duplicate(build_notification(payload=payload), window=180) == first

    @pytest.mark.parametrize("window", [180, 0])
    @pytest.mark.parametrize("status", NotificationStatus)
    def test_the_same_one_sent_again_is_found_whatever_has_become_of_it(self, journal, first, status, window):
        journal.notifications.update(first, status=status, created_at=MOMENT)
        again = build_notification(generated_time=first.generated_time)
        found = journal.notifications.find_duplicate(again, window)
        assert found.notification_uuid == first.notification_uuid
        other = build_notification(generated_time=first.generated_time, hostname="compute-2")
        assert journal.notifications.find_duplicate(other, window) is None

    @pytest.mark.parametrize("status", NotificationStatus)
    def test_only_while_it_is_active(self, journal, first, status):
        journal.notifications.update(first, status=status)
        found = journal.notifications.find_duplicate(build_notification(), window=180)
        assert (found is not None) == status.is_active

    @pytest.mark.parametrize(("age", "is_found"), [(0, True), (179, True), (181, False)])
    def test_only_in_the_window(self, journal, first, age, is_found):
        came = timeutils.utcnow() - datetime.timedelta(seconds=age)
        journal.notifications.update(first, created_at=came)
        assert (
            journal.notifications.find_duplicate(build_notification(), window=180) is not None
        ) == is_found

    def test_a_window_of_0_finds_none(self, journal, first):
        assert journal.notifications.find_duplicate(build_notification(), window=0) is None


class TestMoves:
    @pytest.fixture
    def notification(self, journal):
        return journal.notifications.add(build_notification())

    def test_every_field(self, journal, notification):
        wanted = build_vmove(
            notification,
            instance_name=(ODD * 20)[:255],
            vm_state="shelved_offloaded",
            power_state=7,
            task_state="rebuild_block_device_mapping",
            locked=True,
            locked_by_us=True,
            migration_baseline=2**31 - 1,
            dest_host="compute-2",
            status=VMoveStatus.FAILED,
            step=Step.RESET_STATE,
            attempts=2,
            message=ODD * 100,
            retry_at=MOMENT,
            start_time=MOMENT,
            end_time=MOMENT + datetime.timedelta(microseconds=1),
            updated_at=MOMENT,
        )
        bare = build_vmove(notification)
        journal.vmoves.add(notification, [wanted, bare])
        found = journal.vmoves.list_of(notification.notification_uuid)
        assert found == [wanted, bare]
        assert (type(found[0].status), type(found[0].step)) == (VMoveStatus, Step)
        assert found[0].locked is True

    def test_they_come_in_the_order_in_which_they_were_planned(self, journal, notification):
        moves = [build_vmove(notification) for _ in range(30)]
        journal.vmoves.add(notification, moves)
        journal.vmoves.update(notification, moves[20], status=VMoveStatus.SUCCEEDED)
        uuids = [move.instance_uuid for move in journal.vmoves.list_of(notification.notification_uuid)]
        assert uuids == [move.instance_uuid for move in moves]

    def test_each_step(self, journal, notification):
        move = build_vmove(notification)
        journal.vmoves.add(notification, [move, build_vmove(notification)])
        for step in Step:
            move = journal.vmoves.update(
                notification, move, step=step, status=VMoveStatus.ONGOING, message=ODD
            )
            found, other = journal.vmoves.list_of(notification.notification_uuid)
            assert found == move
            assert (other.step, other.updated_at) == (Step.PLANNED, None)
        assert move.updated_at is not None

    def test_an_instance_moves_once_a_notification(self, journal, notification):
        move = build_vmove(notification)
        journal.vmoves.add(notification, [move])
        with pytest.raises(exceptions.JournalError):
            journal.vmoves.add(notification, [build_vmove(notification), move])
        assert journal.vmoves.list_of(notification.notification_uuid) == [move]  # all or none
        other = journal.notifications.add(build_notification())
        journal.vmoves.add(other, [dataclasses.replace(move, notification_uuid=other.notification_uuid)])

    def test_none_at_all(self, journal, notification):
        journal.vmoves.add(notification, [])
        assert journal.vmoves.list_of(notification.notification_uuid) == []
        assert journal.vmoves.list_of("nobody") == []

    def test_the_last_move_of_each_instance(self, journal):
        first, second = (journal.notifications.add(build_notification()) for _ in range(2))
        elsewhere = journal.notifications.add(build_notification(hostname="compute-2"))
        old = build_vmove(first)
        new = dataclasses.replace(old, notification_uuid=second.notification_uuid, attempts=9)
        other = build_vmove(first)
        for notification, moves in (
            (first, [old, other]),
            (second, [new]),
            (elsewhere, [build_vmove(elsewhere)]),
        ):
            journal.vmoves.add(notification, moves)
        found = journal.vmoves.list_last_of("compute-1")
        assert found == {new.instance_uuid: new, other.instance_uuid: other}


class TestManyAtOnce:
    def test_writers(self, journal):
        # others run between any two statements of a transaction
        sa.event.listen(journal._engine, "after_cursor_execute", lambda *_args: time.sleep(0))

        def work(number):
            added = journal.notifications.add(build_notification(hostname=f"compute-{number}"))
            move = build_vmove(added)
            journal.vmoves.add(added, [move])
            for step in Step:
                move = journal.vmoves.update(added, move, step=step)
                journal.notifications.update(added, message=str(number))
            return journal.vmoves.list_of(added.notification_uuid) == [move]

        outcomes = list(concurrency.run_all(work, range(THREADS), THREADS))
        assert fail(outcomes) == []
        assert all(outcome.result for outcome in outcomes)
        said = {found.message for found in journal.notifications.list_by()}
        assert said == {str(number) for number in range(THREADS)}

    def test_the_same_notification(self, journal):
        wanted = build_notification()
        outcomes = list(
            concurrency.run_all(lambda _number: journal.notifications.add(wanted), range(THREADS), THREADS)
        )
        assert fail(outcomes) == []
        assert len(journal.notifications.list_by()) == 1

    def test_two_journals_on_one_file(self, tmp_path, open_journal):
        conf = load(f"sqlite:///{tmp_path}/shared.sqlite")
        journals = [open_journal(conf), open_journal(conf)]

        def work(number):
            journals[number % 2].notifications.add(build_notification())

        assert fail(concurrency.run_all(work, range(THREADS), 4)) == []
        assert len(journals[0].notifications.list_by()) == THREADS
