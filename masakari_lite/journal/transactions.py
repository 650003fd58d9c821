"""Running the journal's transactions, repeated while its database does not answer."""

import contextlib
import logging
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from oslo_config import cfg
from oslo_db import api as db_api
from sqlalchemy import orm

from masakari_lite.journal import connection
from masakari_lite.outage import OutageReporter

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class Transactions:
    """Each is committed when its call returns; an outage of the database is logged once."""

    def __init__(self, conf: cfg.ConfigOpts, sessions: Callable[[], orm.Session], is_sqlite: bool) -> None:
        self._conf = conf
        self._sessions = sessions
        # all share one connection to a SQLite file
        self._lock = threading.Lock() if is_sqlite else contextlib.nullcontext()
        self._outage = OutageReporter(
            LOG, "The journal's database does not answer", "The journal's database answers again"
        )
        limit = conf.database.db_max_retries
        self._retry = db_api.wrap_db_retry(
            exception_checker=connection.is_unreachable,
            retry_on_deadlock=True,
            # -1 is without end by the option's help, and no retry at all by oslo.db's own loop
            max_retries=limit if limit >= 0 else sys.maxsize,
            retry_interval=conf.database.db_retry_interval,
            inc_retry_interval=conf.database.db_inc_retry_interval,
            max_retry_interval=conf.database.db_max_retry_interval,
        )

    def run(self, work: Callable[[orm.Session], T]) -> T:
        """Run a transaction, again and again while the database does not answer.

        :raises JournalError: when it could not be run as often as [database] allows
        """
        lost = 0

        def transact() -> T:
            nonlocal lost
            try:
                result = self._transact(work)
            except Exception as error:
                if connection.is_unreachable(error):
                    lost += 1
                if lost > 1:  # a connection that the server has closed is replaced by the first retry
                    self._outage.begin(connection.find_cause(error))
                raise
            self._outage.end()
            return result

        with connection.translated(self._conf):
            return self._retry(transact)()  # type: ignore[no-any-return]

    def run_once(self, work: Callable[[orm.Session], T]) -> T:
        """Run a transaction that only reads, once, without a retry.

        :raises JournalError: when the database does not answer
        """
        with connection.translated(self._conf):
            return self._transact(work)

    def _transact(self, work: Callable[[orm.Session], T]) -> T:
        with self._lock, self._sessions() as session, session.begin():
            return work(session)
