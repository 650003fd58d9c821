"""The db commands: the journal's tables and what is in them."""

import datetime
import os
import sys
from collections.abc import Callable

import sqlalchemy as sa
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.journal import connection, schema, store
from masakari_lite.journal.retention import Retention, Tally

Command = Callable[[cfg.ConfigOpts], None]

_PROGRESS = 10_000
"""After so many rows a line reports the progress of a purge."""


def sync(conf: cfg.ConfigOpts) -> None:
    """Create the tables, or bring older ones up to date.

    :raises JournalError: when the database cannot be used
    """
    store.upgrade(conf)
    _say(str(_read_revision(conf)))


def show_version(conf: cfg.ConfigOpts) -> None:
    """Return where the schema is.

    :raises JournalError: when the database cannot be used
    """
    _say(str(_read_revision(conf)))


def purge(conf: cfg.ConfigOpts) -> None:
    """Delete old notifications that have ended.

    :raises JournalOutdated: when the schema is not that of this release
    :raises JournalError: when the database cannot be used
    """
    revision = _read_revision(conf)
    if not revision.is_current:
        raise exceptions.JournalOutdated(str(revision))
    journal = store.Journal(conf)
    retention = Retention(journal.transactions, conf.notifications_expired_interval)
    arguments = conf.command
    verb = "to be deleted" if arguments.dry_run else "deleted"
    try:
        retention.purge(
            datetime.timedelta(days=arguments.age_in_days),
            None if arguments.max_rows == -1 else arguments.max_rows,
            _Progress(verb),
            arguments.dry_run,
        )
    finally:
        journal.close()
        _say(f"{verb}: {_describe(retention.tally)}")
    _tell_kept(retention.tally)


class _Progress:
    """Reports the progress of a purge on stderr."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._told = 0

    def __call__(self, tally: Tally) -> None:
        if tally.deleted >= self._told + _PROGRESS:
            self._told = tally.deleted
            sys.stderr.write(f"{self._verb} so far: {_describe(tally)}\n")


def _describe(tally: Tally) -> str:
    return f"{tally.notifications} notifications, {tally.vmoves} vmoves"


def _tell_kept(tally: Tally) -> None:
    if tally.unfinished:
        _say(f"kept: {tally.unfinished} notifications as old that have not ended (new, running or error)")
    if tally.needed:
        _say(
            f"kept: {tally.needed} notifications as old of which an engine has an instance to check, or has "
            "just done so"
        )


def _read_revision(conf: cfg.ConfigOpts) -> schema.Revision:
    with connection.translated(conf):
        url = sa.make_url(conf.database.connection)
        if url.get_backend_name() == "sqlite" and url.database and not os.path.exists(url.database):
            return schema.read_revision(None)  # it would be made by being connected to
        engine = connection.connect(conf).writer.get_engine()
        try:
            return schema.read_revision(engine)
        finally:
            engine.dispose()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
