"""Several engines of one machine on one SQLite file: real processes, that all go on at the same moment."""

import os
import pathlib
import sqlite3
import subprocess
import sys

import eventlet
import pytest
import sqlalchemy as sa

from tests.unit.journal.conftest import build_notification, load

PROCESSES = 6

ENGINE = """
import sys
from masakari_lite.journal.store import Journal
from tests.unit.journal.conftest import load

def tell(word):
    print(word, flush=True)
    return sys.stdin.readline().strip()

url, name = sys.argv[1:]
conf = load(url)
tell("ready")
journal = Journal(conf)
seen = journal.notifications.get(tell("opened"))
tell("seen")
taken = journal.notifications.claim(seen, name)
tell("taken" if taken else "left")
"""


class Process:
    """An engine as far as its journal."""

    def __init__(self, url, number):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", ENGINE, url, f"engine-{number}"],
            cwd=pathlib.Path(__file__).parents[3],
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def hear(self):
        return self._process.stdout.readline().strip() or self._process.stderr.read()

    def tell(self, word):
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()

    def end(self):
        self._process.communicate()


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/new.sqlite"


@pytest.fixture
def processes(url):
    started = [Process(url, number) for number in range(PROCESSES)]
    yield started
    for process in started:
        process.end()


def test_they_create_it_and_one_of_them_takes_a_notification_up(url, processes, open_journal):
    def hear():
        return [process.hear() for process in processes]

    def tell(word):
        for process in processes:
            process.tell(word)

    assert hear() == ["ready"] * PROCESSES
    tell("open it")
    assert hear() == ["opened"] * PROCESSES
    journal = open_journal(load(url))
    added = journal.notifications.add(build_notification())
    tell(added.notification_uuid)
    assert hear() == ["seen"] * PROCESSES
    tell("take it up")
    said = hear()
    assert sorted(said) == ["left"] * (PROCESSES - 1) + ["taken"]
    assert journal.notifications.get(added.notification_uuid).owner == f"engine-{said.index('taken')}"


# SQLite refuses at once to make a writer of a reader while another writes; it waits only for a transaction
# that begins with its write
def test_a_new_notification_waits_for_the_writer(url, tmp_path, open_journal):
    journal = open_journal(load(url))
    other = sqlite3.connect(tmp_path / "new.sqlite", check_same_thread=False, isolation_level=None, timeout=0)
    timers = eventlet.patcher.original("threading")

    def write_meanwhile(_connection, _cursor, statement, *_args):
        if statement.startswith("INSERT INTO notifications"):
            other.execute("BEGIN IMMEDIATE")
            timers.Timer(0.2, other.execute, ["COMMIT"]).start()

    sa.event.listen(journal._engine, "before_cursor_execute", write_meanwhile)
    added = journal.notifications.add(build_notification())
    assert journal.notifications.list_by() == [added]
    other.close()
