"""The journal's database: connecting to it, and what its libraries raise in our words."""

import contextlib
import logging
import sqlite3
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import exception as db_exceptions
from oslo_db.sqlalchemy import enginefacade

from masakari_lite import drivers, exceptions

LOG = logging.getLogger(__name__)

# by the database, the driver that lets other green threads run, and what to do to have it
_COOPERATIVE = {
    "postgresql": ("pg8000", "postgresql+pg8000:// (pip install 'masakari-lite[postgresql]')"),
    "mysql": ("pymysql", "mysql+pymysql://"),
    "mariadb": ("pymysql", "mysql+pymysql://"),
}
# seconds; no statement of ours takes a fraction of it
_LONGEST_WAIT = 30
_TIME_LIMITS = {
    "pymysql": {"connect_timeout": 10, "read_timeout": _LONGEST_WAIT, "write_timeout": _LONGEST_WAIT},
    "pg8000": {"timeout": _LONGEST_WAIT},
}
# MySQL: too many connections, shutting down; PostgreSQL: shutting down, has crashed, starts
_AWAY = frozenset({1040, 1053, "57P01", "57P02", "57P03"})


class AlreadyThere(exceptions.JournalError):
    """Raised when a row with the same key has been written meanwhile."""


_FACADE = frozenset(
    {
        "connection",
        "connection_recycle_time",
        "connection_debug",
        "max_pool_size",
        "max_overflow",
        "pool_timeout",
        "sqlite_synchronous",
        "max_retries",
        "retry_interval",
        "mysql_sql_mode",
        "mysql_wsrep_sync_wait",
        "connection_parameters",
    }
)

_POOL = frozenset({"max_pool_size", "max_overflow", "pool_timeout"})


def connect(conf: cfg.ConfigOpts) -> Any:
    """Connect as ``[database]`` says; returns oslo.db's transaction context."""
    settings = {key: value for key, value in conf.database.items() if key in _FACADE}
    if is_file(conf):
        # it needs no pool of connections, and SQLAlchemy refuses the options of one; what is left out here
        # oslo.db takes from the process' own configuration
        settings |= dict.fromkeys(_POOL)
    settings["connection"] = _with_charset(conf.database.connection)
    # else each transaction ends with a turn of all other green threads, on SQLite with our lock held
    settings["thread_checkin"] = False
    manager = enginefacade.transaction_context()
    manager.configure(**settings)
    return manager


def is_file(conf: cfg.ConfigOpts) -> bool:
    """Return whether the journal is a SQLite file, not on a server that engines of several machines reach."""
    return str(conf.database.connection).startswith("sqlite")


def find_file(conf: cfg.ConfigOpts) -> str | None:
    """Return the SQLite file that the journal is in; None when it is on a server, or in memory."""
    if not is_file(conf):
        return None
    name = sa.make_url(conf.database.connection).database
    return None if name in (None, "", ":memory:") else name


def open_file(engine: sa.Engine) -> sa.Connection:
    """Open a SQLite file once and for all, as opening it costs more than a transaction.

    Each change is written to a log beside the file (``PRAGMA journal_mode=WAL``), so that a transaction waits
    for the disk once. What a crash leaves in that log belongs to the journal.
    """
    opened = engine.connect()
    raw: Any = opened.connection.driver_connection
    # all works without it, but slower: where another engine has the file open, or a file system cannot do it
    with contextlib.suppress(sqlite3.OperationalError):
        raw.execute("PRAGMA journal_mode=WAL")
    return opened


def build_engine(conf: cfg.ConfigOpts, limit: int) -> sa.Engine:
    """Make further connections to the journal's database, for what must be answered soon or not at all.

    Each statement is committed by itself.

    :param limit: seconds to wait for an answer of the server
    """
    url = sa.make_url(_with_charset(conf.database.connection))
    if conf.database.connection_parameters:
        url = url.update_query_string(conf.database.connection_parameters, append=True)
    engine = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_pre_ping=True,
        pool_recycle=conf.database.connection_recycle_time,
    )
    limit_waits(engine, limit)
    return engine


def limit_waits(engine: sa.Engine, longest: int = _LONGEST_WAIT) -> None:
    """Give up a connection whose server does not answer: it may have lost its power, and never will.

    A recovery that waited for it would keep its claim, and nobody else would resume.

    :param longest: seconds
    """
    limits = _TIME_LIMITS.get(engine.dialect.driver, {})

    def limit(_dialect: sa.Dialect, _record: Any, _args: Any, parameters: dict[str, Any]) -> None:
        for name, seconds in limits.items():
            parameters.setdefault(name, min(seconds, longest))

    sa.event.listen(engine, "do_connect", limit)
    engine.dispose()  # those that were made before


def warn_of_driver(dialect: sa.Dialect) -> None:
    """Say that a driver may stop all green threads while it waits for its server.

    Those that wait in C do, as eventlet cannot patch them; while they wait no claim is renewed either.
    """
    driver, advice = _COOPERATIVE.get(dialect.name, (dialect.driver, ""))
    if dialect.driver != driver:
        LOG.warning(
            "[database] connection uses %s, which may stop the whole engine while it waits for the database; "
            "use %s",
            dialect.driver,
            advice,
        )


def _with_charset(connection: str) -> str:
    """Have MySQL and MariaDB take every character: their drivers' utf8 lacks those of four bytes."""
    url = sa.make_url(connection)
    if url.get_backend_name() in ("mysql", "mariadb") and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def translated(conf: cfg.ConfigOpts) -> Iterator[None]:
    """Turn every error of the database's libraries into a JournalError."""
    try:
        yield
    except db_exceptions.DBDuplicateEntry as error:
        raise AlreadyThere(str(error)) from error
    except (
        db_exceptions.DBError,
        db_exceptions.RetryRequest,
        sa.exc.SQLAlchemyError,
        ImportError,
        OSError,  # pg8000 lets some through
    ) as error:
        if is_duplicate(error):
            raise AlreadyThere(str(error)) from error
        raise exceptions.JournalError(
            f"the journal in {_hide_password(conf.database.connection)} ([database] connection) cannot be "
            f"used: {find_cause(error)}{drivers.advise(error)}"
        ) from error


def find_cause(error: Exception) -> str:
    """Describe what went wrong, without the statement in which it did."""
    return str(error).partition("\n")[0]


def is_unreachable(error: BaseException) -> bool:
    """Return whether an error says that the server does not answer, or not yet, and may do so later.

    oslo.db knows most of these, but not pg8000's.
    """
    cause = getattr(error, "inner_exception", None) or error
    if isinstance(error, db_exceptions.DBConnectionError) or isinstance(cause, OSError):
        return True
    code = _find_code(error)
    return bool(code in _AWAY) or "Can't create a connection to host" in str(code)


def is_duplicate(error: BaseException) -> bool:
    """Return whether an error says that a row with the same key is there already.

    PostgreSQL's is recognised by its SQLSTATE: oslo.db knows it by psycopg2's words only.
    """
    return isinstance(error, sa.exc.IntegrityError) or bool(_find_code(error) == "23505")


def _find_code(error: BaseException) -> Any:
    """Find what the driver says first: a number, for pg8000 the SQLSTATE, or else some words."""
    original = getattr(getattr(error, "inner_exception", error), "orig", None)
    first = original.args[0] if original and original.args else None
    return first.get("C") if isinstance(first, dict) else first


def _hide_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "a database with a malformed URL"


def commit_each_statement(engine: sa.Engine) -> None:
    """Leave no transaction open on a server while this process may be stopped, or its machine die.

    The server would keep the transaction's locks until it noticed, for hours perhaps, and other engines
    would wait for them. So whatever belongs together is one statement.
    """

    def set_autocommit(raw: Any, _record: Any) -> None:
        engine.dialect.set_isolation_level(raw, "AUTOCOMMIT")

    sa.event.listen(engine, "connect", set_autocommit)
    engine.dispose()  # those that were made before
