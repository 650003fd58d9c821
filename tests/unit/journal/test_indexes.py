"""What engines ask of the journal again and again takes no longer when it has grown."""

import datetime

import pytest
import sqlalchemy as sa
from oslo_utils import timeutils

from masakari_lite.journal.retention import Retention
from masakari_lite.journal.tables import Base
from tests.unit.journal.conftest import build_notification, build_vmove

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/journal.sqlite"


CALLS = {
    "unfinished": lambda journal: journal.notifications.list_unfinished(),
    "duplicate": lambda journal: journal.notifications.find_duplicate(build_notification(), 180),
    "to be tried again": lambda journal: journal.notifications.list_by(hostname="compute-1", status="error"),
    "leftovers": lambda journal: journal.vmoves.list_stale(),
    "moves of a host": lambda journal: journal.vmoves.list_last_of("compute-1"),
    "moves of a notification": lambda journal: journal.vmoves.list_of("1"),
    "one move": lambda journal: journal.vmoves.find("1", "2"),
    # what was changed before the next hour: all there is, whatever the second
    "purge": lambda journal: Retention(journal.transactions, -3600).purge(-HOUR, None, id),
}


def add_recovery(journal, **vmove):
    """Add a recovery that has finished, of one instance."""
    taken = journal.notifications.claim(journal.notifications.add(build_notification()), "engine")
    journal.vmoves.add(taken, [build_vmove(taken, **vmove)])
    journal.notifications.update(taken, status="finished")


@pytest.mark.parametrize("name", CALLS)
def test_no_table_is_read_as_a_whole(journal, name):
    add_recovery(journal, locked_by_us=True, recheck_at=timeutils.utcnow())
    add_recovery(journal)
    asked = []
    sa.event.listen(
        journal._engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, parameters, *_: asked.append((statement, parameters)),
    )
    CALLS[name](journal)
    with journal._engine.connect() as connection:
        plans = [
            step.detail
            for statement, parameters in list(asked)
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert plans
    tables = [table.name for table in Base.metadata.sorted_tables]
    assert not [step for step in plans if step.startswith("SCAN") and step.split()[1] in tables]
