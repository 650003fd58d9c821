"""The journal: the only durable truth of the engine. Every change is committed when the call returns."""

import functools
import logging

import sqlalchemy as sa
from oslo_config import cfg

from masakari_lite.journal import clock, connection, schema
from masakari_lite.journal.notifications import Notifications
from masakari_lite.journal.tables import JournalRow, NotificationRow
from masakari_lite.journal.transactions import Transactions
from masakari_lite.journal.vmoves import VMoves

LOG = logging.getLogger(__name__)


class Journal:
    """Notifications and vmoves in the database that ``[database] connection`` names.

    While the database does not answer, calls wait with growing pauses as [database]'s ``db_max_retries`` and
    ``db_retry_interval`` say. An outage is logged once, however many calls wait.

    :ivar clock: by which all times in the journal are
    :ivar transactions: run other work on the same database
    :raises JournalError: by every method, when the database cannot be used
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Connect to the database and make sure of its schema; a SQLite file comes up by itself.

        :raises JournalOutdated: when a server's database has not the schema of this release
        """
        self._file: sa.Connection | None = None
        with connection.translated(conf):
            manager = connection.connect(conf)
            self._engine: sa.Engine = manager.writer.get_engine()
            connection.warn_of_driver(self._engine.dialect)
            connection.limit_waits(self._engine)
            is_sqlite = self._engine.dialect.name == "sqlite"
            if is_sqlite:
                schema.upgrade_file(self._engine)
                self._file = connection.open_file(self._engine)
            else:
                schema.check(self._engine)
                connection.commit_each_statement(self._engine)
        sessions = functools.partial(manager.writer.get_sessionmaker(), bind=self._file or self._engine)
        self.transactions = Transactions(conf, sessions, is_sqlite)
        self.clock = clock.build_clock(self._engine.dialect, self.transactions.run)
        self.vmoves = VMoves(self.transactions, self.clock)
        self.notifications = Notifications(self.transactions, self.clock, self.vmoves)

    @functools.cached_property
    def uuid(self) -> str:
        """What tells this journal from every other, whatever the name of its database."""
        return self.transactions.run(lambda session: session.scalars(sa.select(JournalRow.uuid)).one())

    def close(self) -> None:
        """Close the connections."""
        if self._file:
            self._file.close()
        self._engine.dispose()

    def ping(self) -> None:
        """Read something, once, without a retry."""
        query = sa.select(NotificationRow.id).limit(1)
        self.transactions.run_once(lambda session: session.execute(query).first())


def upgrade(conf: cfg.ConfigOpts) -> None:
    """Create the journal's tables, or bring older ones up to date.

    :raises JournalError: when the database cannot be used
    """
    with connection.translated(conf):
        engine = connection.connect(conf).writer.get_engine()
        if engine.dialect.name == "sqlite":
            schema.upgrade_file(engine)
        else:
            schema.upgrade(engine)
        engine.dispose()
    LOG.info("The journal's database has the schema of this release")
