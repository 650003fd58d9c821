"""The journal of one run, beside the engine: written before it starts, read while it runs."""

import contextlib
import pathlib
import shutil
import sqlite3
from collections.abc import Iterator

from oslo_utils import timeutils

from masakari_lite.engine import validation
from masakari_lite.journal.store import Journal
from masakari_lite.models import NotificationStatus
from tests.harness import settings
from tests.harness.monitor import build_notification

FILE = "masakari.sqlite"
UUID = "c0ffee00-0000-4000-8000-000000000001"


def make(directory: pathlib.Path) -> pathlib.Path:
    """Make a journal that has a new notification and nothing else, or add that; returns its file."""
    notification = validation.parse_notification(build_notification(notification_uuid=UUID))
    with opened(directory) as journal:
        journal.notifications.add(notification)
    return directory / FILE


@contextlib.contextmanager
def opened(directory: pathlib.Path) -> Iterator[Journal]:
    """Open it as an engine does."""
    path = settings.write(directory / "journal.conf", {"DEFAULT": {"state_path": directory}})
    with contextlib.closing(Journal(settings.load(path))) as journal:
        yield journal


def copy(template: pathlib.Path, directory: pathlib.Path) -> None:
    """Put a copy of it where an engine with that state_path finds it, its notification just come."""
    shutil.copyfile(template, directory / FILE)
    # a host that has reported long after it may be alive, and this run's hosts have only begun to
    with _open(directory) as database, database:
        database.execute("UPDATE notifications SET created_at = ?", (str(timeutils.utcnow()),))


def find_count(directory: pathlib.Path) -> pathlib.Path:
    """Return the file in which the engines count the transactions that have changed it, by a byte each."""
    return directory / "writes"


def count_writes(directory: pathlib.Path) -> int:
    """Tell how many transactions of engines have changed it."""
    path = find_count(directory)
    return path.stat().st_size if path.exists() else 0


_UNCHECKED = "SELECT 1 FROM vmoves WHERE recheck_at IS NOT NULL"


def is_over(directory: pathlib.Path, is_failing: bool, is_checked: bool) -> bool:
    """Tell whether no engine has anything to do; at the cost of one small query.

    :param is_failing: whether something is to be tried again; else an error is the end, and wrong
    :param is_checked: whether the instances are to have been checked once more, for a lock that came late
    """
    with _open(directory) as database:
        found = database.execute("SELECT status FROM notifications").fetchone()
        if is_checked and database.execute(_UNCHECKED).fetchone():
            return False
    if found is None:
        return True
    status = NotificationStatus(found["status"])
    return status.is_final if is_failing else not status.is_active


# not read-only: what a crash left in the log beside it is taken over by whoever opens it next
@contextlib.contextmanager
def _open(directory: pathlib.Path) -> Iterator[sqlite3.Connection]:
    path = f"file:{directory / FILE}?mode=rw"
    with contextlib.closing(sqlite3.connect(path, timeout=0, uri=True)) as database:
        database.row_factory = sqlite3.Row
        yield database
