"""A database that is away, for a while or for good, or is none."""

import time

import pytest
import sqlalchemy as sa
from oslo_db import exception as db_exceptions

from masakari_lite import exceptions
from masakari_lite.journal import store
from tests.unit.journal.conftest import build_notification, load


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
            journal.notifications.list_unfinished,
            journal.vmoves.list_stale,
            lambda: journal.notifications.add(notification),
            lambda: journal.notifications.claim(notification, "engine-1"),
        )
        for call in calls:
            with pytest.raises(exceptions.JournalError):
                call()

    def test_a_lost_connection_is_made_anew(self, server_url, open_journal):
        conf = load(server_url, db_retry_interval=0)
        store.upgrade(conf)
        journal = open_journal(conf)
        added = journal.notifications.add(build_notification())
        kill_connections(server_url)
        assert journal.notifications.get(added.notification_uuid) == added

    def test_it_is_away_for_a_while(self, journal, conf, monkeypatch):
        """The work fails twice for want of a connection, then goes on."""
        sessions = journal.transactions._sessions
        tried = []

        def open_session():
            tried.append(time.monotonic())
            if len(tried) <= 2:
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(journal.transactions, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        assert journal.notifications.list_by() == []
        assert len(tried) == 3

    def test_that_it_is_away_is_said_once(self, journal, monkeypatch, caplog):
        """Not for a connection that was lost and is there again at once."""
        sessions = journal.transactions._sessions
        left = [1, 3, 3]  # so many tries of each call fail

        def open_session():
            if left[0]:
                left[0] -= 1
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(journal.transactions, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        journal.notifications.list_by()
        assert not caplog.messages
        for _ in range(2):
            left.pop(0)
            journal.notifications.list_by()
        again = "The journal's database answers again"
        said = "The journal's database does not answer, trying again: away"
        assert caplog.messages == [said, again, said, again]

    def test_minus_one_tries_without_end(self, url, open_journal, journal, monkeypatch):
        patient = open_journal(load(url, db_max_retries=-1))
        sessions = patient.transactions._sessions
        tried = []

        def open_session():
            tried.append(1)
            if len(tried) <= 30:
                raise db_exceptions.DBConnectionError(OSError("away"))
            return sessions()

        monkeypatch.setattr(patient.transactions, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        assert patient.notifications.list_by() == []

    def test_it_stays_away(self, url, open_journal, journal, monkeypatch):
        impatient = open_journal(load(url, db_max_retries=2))
        tried = []

        def open_session():
            tried.append(1)
            raise db_exceptions.DBConnectionError(OSError("away"))

        monkeypatch.setattr(impatient.transactions, "_sessions", open_session)
        monkeypatch.setattr("oslo_db.api.time.sleep", lambda _seconds: None)
        with pytest.raises(exceptions.JournalError, match="away"):
            impatient.notifications.list_by()
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
