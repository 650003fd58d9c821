"""What is written is read again, whatever database keeps it."""

import dataclasses
import datetime
import time

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exceptions
from oslo_utils import timeutils

from masakari_lite import concurrency, exceptions
from masakari_lite.journal import store
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
        before = timeutils.utcnow()
        written = journal.add_notification(wanted)
        read = journal.get_notification(wanted.notification_uuid)
        assert read == written
        assert dataclasses.replace(read, created_at=None, updated_at=None) == wanted
        assert before <= read.created_at == read.updated_at <= timeutils.utcnow()
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
        added = journal.add_notification(build_notification())
        journal.update_notification(added, **changes)
        read = journal.get_notification(added.notification_uuid)
        assert dataclasses.replace(read, updated_at=added.updated_at) == dataclasses.replace(added, **changes)
        assert read.updated_at > added.updated_at

    def test_a_change_of_one_leaves_the_others(self, journal):
        one, other = (journal.add_notification(build_notification()) for _ in range(2))
        journal.update_notification(one, status=NotificationStatus.FAILED)
        assert journal.get_notification(other.notification_uuid) == other

    def test_the_same_uuid_again_stays_as_it_is(self, journal):
        first = journal.add_notification(build_notification())
        journal.update_notification(first, status=NotificationStatus.RUNNING)
        again = journal.add_notification(
            build_notification(notification_uuid=first.notification_uuid, hostname="compute-2")
        )
        assert (again.status, again.hostname) == (NotificationStatus.RUNNING, "compute-1")
        assert len(journal.list_notifications()) == 1

    def test_none_with_that_uuid(self, journal):
        with pytest.raises(exceptions.NotificationNotFound, match="'nobody'"):
            journal.get_notification("nobody")

    def test_it_is_there_when_another_opens_the_journal(self, journal, conf, open_journal):
        added = journal.add_notification(build_notification())
        assert open_journal(conf).get_notification(added.notification_uuid) == added


class TestLists:
    @pytest.fixture
    def added(self, journal):
        return [
            journal.add_notification(build_notification(hostname=host, type=kind, status=status))
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
        assert journal.list_notifications(**filters) == [added[number] for number in wanted]

    def test_the_unfinished_the_oldest_first(self, journal, added):
        assert journal.list_unfinished() == [added[2], added[3], added[4]]

    def test_every_status_is_finished_or_not(self, journal):
        for status in NotificationStatus:
            journal.add_notification(build_notification(status=status))
        assert {found.status for found in journal.list_unfinished()} == {"new", "running", "error"}


class TestDuplicates:
    @pytest.fixture
    def first(self, journal):
        return journal.add_notification(build_notification())

    def test_one_like_it_is_found(self, journal, first):
        assert journal.find_duplicate(build_notification(), window=180) == first

    @pytest.mark.parametrize(
        "changes",
        [
            {"hostname": "compute-2"},
            {"type": NotificationType.PROCESS},
            {"payload": {"event": "STARTED", "host_status": "NORMAL"}},
        ],
    )
    def test_one_that_differs_is_not(self, journal, first, changes):
        assert journal.find_duplicate(build_notification(**changes), window=180) is None

    def test_when_it_was_generated_makes_no_difference(self, journal, first):
        assert journal.find_duplicate(build_notification(generated_time=MOMENT), window=180) == first

    def test_the_order_of_the_payload_makes_no_difference(self, journal, first):
        payload = dict(reversed(first.payload.items()))
        assert journal.find_duplicate(build_notification(payload=payload), window=180) == first

    @pytest.mark.parametrize("status", NotificationStatus)
    def test_only_while_it_is_active(self, journal, first, status):
        journal.update_notification(first, status=status)
        found = journal.find_duplicate(build_notification(), window=180)
        assert (found is not None) == status.is_active

    @pytest.mark.parametrize(("age", "is_found"), [(0, True), (179, True), (181, False)])
    def test_only_in_the_window(self, journal, first, age, is_found):
        came = timeutils.utcnow() - datetime.timedelta(seconds=age)
        journal.update_notification(first, created_at=came)
        assert (journal.find_duplicate(build_notification(), window=180) is not None) == is_found

    def test_a_window_of_0_finds_none(self, journal, first):
        assert journal.find_duplicate(build_notification(), window=0) is None


class TestMoves:
    @pytest.fixture
    def notification(self, journal):
        return journal.add_notification(build_notification())

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
        journal.add_vmoves(notification, [wanted, bare])
        found = journal.list_vmoves(notification.notification_uuid)
        assert found == [wanted, bare]
        assert (type(found[0].status), type(found[0].step)) == (VMoveStatus, Step)
        assert found[0].locked is True

    def test_they_come_in_the_order_in_which_they_were_planned(self, journal, notification):
        moves = [build_vmove(notification) for _ in range(30)]
        journal.add_vmoves(notification, moves)
        journal.update_vmove(notification, moves[20], status=VMoveStatus.SUCCEEDED)
        uuids = [move.instance_uuid for move in journal.list_vmoves(notification.notification_uuid)]
        assert uuids == [move.instance_uuid for move in moves]

    def test_each_step(self, journal, notification):
        move = build_vmove(notification)
        journal.add_vmoves(notification, [move, build_vmove(notification)])
        for step in Step:
            move = journal.update_vmove(
                notification, move, step=step, status=VMoveStatus.ONGOING, message=ODD
            )
            found, other = journal.list_vmoves(notification.notification_uuid)
            assert found == move
            assert (other.step, other.updated_at) == (Step.PLANNED, None)
        assert move.updated_at is not None

    def test_an_instance_moves_once_a_notification(self, journal, notification):
        move = build_vmove(notification)
        journal.add_vmoves(notification, [move])
        with pytest.raises(exceptions.JournalError):
            journal.add_vmoves(notification, [build_vmove(notification), move])
        assert journal.list_vmoves(notification.notification_uuid) == [move]  # all or none
        other = journal.add_notification(build_notification())
        journal.add_vmoves(other, [dataclasses.replace(move, notification_uuid=other.notification_uuid)])

    def test_none_at_all(self, journal, notification):
        journal.add_vmoves(notification, [])
        assert journal.list_vmoves(notification.notification_uuid) == []
        assert journal.list_vmoves("nobody") == []

    def test_the_last_move_of_each_instance(self, journal):
        first, second = (journal.add_notification(build_notification()) for _ in range(2))
        elsewhere = journal.add_notification(build_notification(hostname="compute-2"))
        old = build_vmove(first)
        new = dataclasses.replace(old, notification_uuid=second.notification_uuid, attempts=9)
        other = build_vmove(first)
        for notification, moves in (
            (first, [old, other]),
            (second, [new]),
            (elsewhere, [build_vmove(elsewhere)]),
        ):
            journal.add_vmoves(notification, moves)
        found = journal.list_last_moves("compute-1")
        assert found == {new.instance_uuid: new, other.instance_uuid: other}


class TestManyAtOnce:
    def test_writers(self, journal):
        # others run between any two statements of a transaction
        sa.event.listen(journal._engine, "after_cursor_execute", lambda *_args: time.sleep(0))

        def work(number):
            added = journal.add_notification(build_notification(hostname=f"compute-{number}"))
            move = build_vmove(added)
            journal.add_vmoves(added, [move])
            for step in Step:
                move = journal.update_vmove(added, move, step=step)
                journal.update_notification(added, message=str(number))
            return journal.list_vmoves(added.notification_uuid) == [move]

        outcomes = list(concurrency.run_all(work, range(THREADS), THREADS))
        assert fail(outcomes) == []
        assert all(outcome.result for outcome in outcomes)
        said = {found.message for found in journal.list_notifications()}
        assert said == {str(number) for number in range(THREADS)}

    def test_the_same_notification(self, journal):
        wanted = build_notification()
        outcomes = list(
            concurrency.run_all(lambda _number: journal.add_notification(wanted), range(THREADS), THREADS)
        )
        assert fail(outcomes) == []
        assert len(journal.list_notifications()) == 1

    def test_two_journals_on_one_file(self, tmp_path, open_journal):
        conf = load(f"sqlite:///{tmp_path}/shared.sqlite")
        journals = [open_journal(conf), open_journal(conf)]

        def work(number):
            journals[number % 2].add_notification(build_notification())

        assert fail(concurrency.run_all(work, range(THREADS), 4)) == []
        assert len(journals[0].list_notifications()) == THREADS


class TestNoDatabase:
    @pytest.mark.parametrize(
        "connection",
        [
            "sqlite:////no/such/directory/journal.sqlite",
            "mysql+pymysql://user:secret@127.0.0.1:1/journal",
            "no url",
            "nosuchdatabase://127.0.0.1/journal",
        ],
    )
    def test_it_cannot_be_reached(self, open_journal, connection):
        conf = load(connection, max_retries=1, retry_interval=0)
        with pytest.raises(exceptions.JournalError, match=r"\[database\] connection") as told:
            open_journal(conf)
        assert "secret" not in str(told.value)

    def test_its_driver_is_missing(self, open_journal):
        with pytest.raises(exceptions.JournalError, match="pymssql"):
            open_journal(
                load("mssql+pymssql://user:secret@127.0.0.1/journal", max_retries=1, retry_interval=0)
            )

    @pytest.mark.parametrize("retries", [1, 3])
    def test_it_is_tried_as_often_as_configured(self, open_journal, retries, monkeypatch):
        tried = []

        def refuse(*_args, **_options):
            tried.append(1)
            raise ConnectionRefusedError(111, "Connection refused")

        monkeypatch.setattr("pymysql.connections.socket.create_connection", refuse)
        conf = load("mysql+pymysql://user@127.0.0.1:1/journal", max_retries=retries, retry_interval=0)
        with pytest.raises(exceptions.JournalError):
            open_journal(conf)
        assert len(tried) == retries

    def test_it_is_no_database(self, tmp_path, open_journal):
        path = tmp_path / "journal.sqlite"
        path.write_text("This is no database, but a text that is long enough to be mistaken for one." * 20)
        with pytest.raises(exceptions.JournalError, match="not a database"):
            open_journal(load(f"sqlite:///{path}"))

    def test_its_tables_are_gone(self, journal, url):
        engine = sa.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE vmoves"))
            connection.execute(sa.text("DROP TABLE notifications"))
        engine.dispose()
        notification = build_notification()
        calls = (
            journal.ping,
            journal.list_unfinished,
            journal.list_locked_moves,
            lambda: journal.add_notification(notification),
            lambda: journal.take_up(notification, "engine-1"),
        )
        for call in calls:
            with pytest.raises(exceptions.JournalError):
                call()

    def test_a_lost_connection_is_made_anew(self, server_url, open_journal):
        conf = load(server_url, db_retry_interval=0)
        store.upgrade(conf)
        journal = open_journal(conf)
        added = journal.add_notification(build_notification())
        kill_connections(server_url)
        assert journal.get_notification(added.notification_uuid) == added

    def test_it_is_away_for_a_while(self, journal, conf, monkeypatch):
        """The work fails twice for want of a connection, then goes on."""
        sessions = journal._sessions
        tried = []

        def open_session():
            tried.append(time.monotonic())
            if len(tried) <= 2:
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(journal, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        assert journal.list_notifications() == []
        assert len(tried) == 3

    def test_that_it_is_away_is_said_once(self, journal, monkeypatch, caplog):
        """Not for a connection that was lost and is there again at once."""
        sessions = journal._sessions
        left = [1, 3, 3]  # so many tries of each call fail

        def open_session():
            if left[0]:
                left[0] -= 1
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(journal, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        journal.list_notifications()
        assert not caplog.messages
        for _ in range(2):
            left.pop(0)
            journal.list_notifications()
        again = "The journal's database answers again"
        said = "The journal's database does not answer, trying again: away"
        assert caplog.messages == [said, again, said, again]

    def test_minus_one_tries_without_end(self, url, open_journal, journal, monkeypatch):
        patient = open_journal(load(url, db_max_retries=-1))
        sessions = patient._sessions
        tried = []

        def open_session():
            tried.append(1)
            if len(tried) <= 30:
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(patient, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        assert patient.list_notifications() == []

    def test_it_stays_away(self, url, open_journal, journal, monkeypatch):
        impatient = open_journal(load(url, db_max_retries=2))
        tried = []

        def open_session():
            tried.append(1)
            raise db_exceptions.DBConnectionError(OSError("away"))

        monkeypatch.setattr(impatient, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        with pytest.raises(exceptions.JournalError, match="away"):
            impatient.list_notifications()
        assert len(tried) == 3


def kill_connections(url):
    """Have the server end all other connections."""
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            connection.execute(sa.text(others + " AND datname = current_database()"))
        else:
            mine = connection.execute(sa.text("SELECT CONNECTION_ID()")).scalar_one()
            query = "SELECT id FROM information_schema.processlist WHERE db = DATABASE()"
            for number in connection.execute(sa.text(query)).scalars().all():
                if number != mine:
                    connection.execute(sa.text(f"KILL {int(number)}"))
    engine.dispose()
