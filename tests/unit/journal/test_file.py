"""A journal in a SQLite file: one connection, and a log beside the file."""

import contextlib
import pathlib
import sqlite3

import pytest

from masakari_lite import concurrency
from masakari_lite.models import NotificationStatus
from tests.unit.journal.conftest import build_notification, load


@pytest.fixture
def path(tmp_path) -> pathlib.Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def conf(path):
    return load(f"sqlite:///{path}")


def test_changes_are_written_to_a_log_beside_it(conf, path, open_journal):
    journal = open_journal(conf)
    journal.notifications.add(build_notification())
    log = path.with_name(f"{path.name}-wal")
    assert log.stat().st_size
    journal.close()
    assert not log.exists()


def test_what_is_in_the_log_alone_is_there_after_a_crash(conf, path, tmp_path, open_journal):
    added = open_journal(conf).notifications.add(build_notification())
    with contextlib.closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as without_log:
        found = without_log.execute("SELECT count(*) FROM notifications").fetchone()
    assert found == (0,)
    for file in tmp_path.glob("journal.sqlite*"):
        file.with_name(file.name.replace("journal", "crashed")).write_bytes(file.read_bytes())
    crashed = open_journal(load(f"sqlite:///{tmp_path}/crashed.sqlite"))
    assert crashed.notifications.get(added.notification_uuid) == added


def test_where_another_program_reads_it_it_works_without_a_log(conf, path, open_journal):
    open_journal(conf).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("PRAGMA journal_mode=DELETE")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM notifications").fetchall()
        journal = open_journal(conf)
        reader.execute("COMMIT")
        added = journal.notifications.add(build_notification())
    assert journal.notifications.get(added.notification_uuid).status is NotificationStatus.NEW
    assert not path.with_name(f"{path.name}-wal").exists()


def test_no_other_green_thread_runs_in_a_transaction(conf, open_journal):
    """Else all would wait in a row for the one connection, a turn of all green threads each."""
    journal = open_journal(conf)
    has_run = []
    other = concurrency.spawn(has_run.append, True)
    journal.notifications.add(build_notification())
    assert not has_run
    other.wait()
    assert has_run
