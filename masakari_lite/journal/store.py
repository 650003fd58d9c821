"""The journal: the only durable truth of the engine. Every change is committed when the call returns."""

import contextlib
import dataclasses
import datetime
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import api as db_api
from oslo_db import exception as db_exceptions
from oslo_db.sqlalchemy import enginefacade
from oslo_utils import timeutils
from sqlalchemy import orm

from masakari_lite import exceptions
from masakari_lite.journal import schema
from masakari_lite.journal.tables import NotificationRow, VMoveRow
from masakari_lite.models import (
    JsonDict,
    Notification,
    NotificationStatus,
    NotificationType,
    Step,
    VMove,
    VMoveStatus,
)

LOG = logging.getLogger(__name__)
T = TypeVar("T")

_UNFINISHED = [status.value for status in NotificationStatus if status.is_unfinished]

FILTERS = ("type", "hostname", "status", "limit")


class Journal:
    """Notifications and vmoves in the database that ``[database] connection`` names.

    While the database is away, calls wait with growing pauses as [database]'s ``db_max_retries`` and
    ``db_retry_interval`` say.

    :raises JournalError: by every method, when the database cannot be used
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Connect to the database and make sure of its schema; a SQLite file comes up by itself.

        :raises JournalOutdated: when a server's database has not the schema of this release
        """
        self._conf = conf
        with _translated(conf):
            manager = _connect(conf)
            self._engine: sa.Engine = manager.writer.get_engine()
            self._sessions: Callable[[], orm.Session] = manager.writer.get_sessionmaker()
            self._is_sqlite = self._engine.dialect.name == "sqlite"
            if self._is_sqlite:
                schema.upgrade(self._engine)
            else:
                schema.check(self._engine)
        # SQLite has one writer at a time and waits for it without letting other green threads run
        self._sqlite_lock = threading.Lock()
        self._retry = db_api.wrap_db_retry(
            retry_on_disconnect=True,
            retry_on_deadlock=True,
            max_retries=conf.database.db_max_retries,
            retry_interval=conf.database.db_retry_interval,
            inc_retry_interval=conf.database.db_inc_retry_interval,
            max_retry_interval=conf.database.db_max_retry_interval,
        )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def add_notification(self, notification: Notification) -> Notification:
        """Write a new notification; one with the same uuid that is there already stays as it is.

        :returns: the notification as it is in the journal
        """

        def add(session: orm.Session) -> Notification:
            now = timeutils.utcnow()
            found = _find(session, notification.notification_uuid)
            if found is None:
                found = NotificationRow(
                    **_columns(notification, skip=("created_at", "updated_at")),
                    created_at=now,
                    updated_at=now,
                )
                session.add(found)
                session.flush()
            return _to_notification(found)

        try:
            return self._run(add)
        except _AlreadyThere:  # another engine was quicker
            return self.get_notification(notification.notification_uuid)

    def get_notification(self, notification_uuid: str) -> Notification:
        """Read one notification.

        :raises NotificationNotFound: when there is none with that uuid
        """

        def get(session: orm.Session) -> Notification | None:
            row = _find(session, notification_uuid)
            return _to_notification(row) if row else None

        found = self._run(get)
        if found is None:
            raise exceptions.NotificationNotFound(f"there is no notification {notification_uuid!r}")
        return found

    def list_notifications(
        self,
        type: str | None = None,
        hostname: str | None = None,
        status: str | None = None,
        limit: int | None = None,
    ) -> list[Notification]:
        """List notifications, the newest first; each argument that is given filters."""
        wanted = {"type": type, "hostname": hostname, "status": status}
        filters = {column: value for column, value in wanted.items() if value is not None}
        query = sa.select(NotificationRow).filter_by(**filters).order_by(NotificationRow.id.desc())
        if limit is not None:
            query = query.limit(limit)
        return self._run(lambda session: [_to_notification(row) for row in session.scalars(query)])

    def list_unfinished(self) -> list[Notification]:
        """List the notifications on which an engine has still to act, the oldest first."""
        query = (
            sa.select(NotificationRow)
            .where(NotificationRow.status.in_(_UNFINISHED))
            .order_by(NotificationRow.id)
        )
        return self._run(lambda session: [_to_notification(row) for row in session.scalars(query)])

    def find_duplicate(self, notification: Notification, window: float) -> Notification | None:
        """Find an unfinished notification equal in type, host and payload.

        :param window: how many seconds before now it may have come
        """
        since = timeutils.utcnow() - datetime.timedelta(seconds=window)
        for other in self.list_unfinished():
            same = (other.type, other.hostname, other.payload) == (
                notification.type,
                notification.hostname,
                notification.payload,
            )
            if same and other.created_at and other.created_at > since:
                return other
        return None

    def update_notification(self, notification_uuid: str, **changes: Any) -> None:
        """Change columns of a notification."""
        query = (
            sa.update(NotificationRow)
            .where(NotificationRow.notification_uuid == notification_uuid)
            .values(**_plain(changes), updated_at=timeutils.utcnow())
        )
        self._run(lambda session: session.execute(query))

    def add_vmoves(self, vmoves: Iterable[VMove]) -> None:
        """Write new moves, all or none."""
        rows = [VMoveRow(**_columns(vmove)) for vmove in vmoves]
        self._run(lambda session: session.add_all(rows))

    def list_vmoves(self, notification_uuid: str) -> list[VMove]:
        """List the moves of a notification in the order in which they were planned."""
        query = sa.select(VMoveRow).filter_by(notification_uuid=notification_uuid).order_by(VMoveRow.id)
        return self._run(lambda session: [_to_vmove(row) for row in session.scalars(query)])

    def list_last_moves(self, source_host: str) -> dict[str, VMove]:
        """List the newest move of each instance that was ever moved off a host, by instance uuid."""
        query = sa.select(VMoveRow).filter_by(source_host=source_host).order_by(VMoveRow.id)
        return self._run(
            lambda session: {row.instance_uuid: _to_vmove(row) for row in session.scalars(query)}
        )

    def update_vmove(self, vmove: VMove, **changes: Any) -> VMove:
        """Change a move in the journal, before anything is done about it.

        :returns: the changed move
        """
        changes["updated_at"] = timeutils.utcnow()
        query = (
            sa.update(VMoveRow)
            .where(
                VMoveRow.notification_uuid == vmove.notification_uuid,
                VMoveRow.instance_uuid == vmove.instance_uuid,
            )
            .values(**_plain(changes))
        )
        self._run(lambda session: session.execute(query))
        return dataclasses.replace(vmove, **changes)

    def _run(self, work: Callable[[orm.Session], T]) -> T:
        def transact() -> T:
            lock = self._sqlite_lock if self._is_sqlite else contextlib.nullcontext()
            with lock, self._sessions() as session, session.begin():
                return work(session)

        with _translated(self._conf):
            return self._retry(transact)()  # type: ignore[no-any-return]


class _AlreadyThere(exceptions.JournalError):
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


def upgrade(conf: cfg.ConfigOpts) -> None:
    """Create the journal's tables, or bring older ones up to date.

    :raises JournalError: when the database cannot be used
    """
    with _translated(conf):
        engine = _connect(conf).writer.get_engine()
        schema.upgrade(engine)
        engine.dispose()
    LOG.info("The journal's database has the schema of this release")


def _connect(conf: cfg.ConfigOpts) -> Any:
    settings = {key: value for key, value in conf.database.items() if key in _FACADE}
    settings["connection"] = _with_charset(conf.database.connection)
    manager = enginefacade.transaction_context()
    manager.configure(**settings)
    return manager


def _with_charset(connection: str) -> str:
    """Have MySQL and MariaDB take every character: their drivers' utf8 lacks those of four bytes."""
    url = sa.make_url(connection)
    if url.get_backend_name() in ("mysql", "mariadb") and "charset" not in url.query:
        url = url.update_query_dict({"charset": "utf8mb4"})
    return url.render_as_string(hide_password=False)


@contextlib.contextmanager
def _translated(conf: cfg.ConfigOpts) -> Iterator[None]:
    try:
        yield
    except db_exceptions.DBDuplicateEntry as error:
        raise _AlreadyThere(str(error)) from error
    except (db_exceptions.DBError, db_exceptions.RetryRequest, sa.exc.SQLAlchemyError, ImportError) as error:
        cause = str(error).partition("\n")[0]
        raise exceptions.JournalError(
            f"the journal in {_hide_password(conf.database.connection)} ([database] connection) cannot be "
            f"used: {cause}"
        ) from error


def _hide_password(url: str) -> str:
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return "a database with a malformed URL"


def _find(session: orm.Session, notification_uuid: str) -> NotificationRow | None:
    return session.scalars(
        sa.select(NotificationRow).filter_by(notification_uuid=notification_uuid)
    ).one_or_none()


def _plain(changes: JsonDict) -> JsonDict:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}


def _columns(record: Notification | VMove, skip: tuple[str, ...] = ()) -> JsonDict:
    names = [field.name for field in dataclasses.fields(record) if field.name not in skip]
    return _plain({name: getattr(record, name) for name in names})


def _values(row: NotificationRow | VMoveRow, model: type[Notification] | type[VMove]) -> JsonDict:
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(model)}


def _to_notification(row: NotificationRow) -> Notification:
    values = _values(row, Notification)
    values["type"] = NotificationType(row.type)
    values["status"] = NotificationStatus(row.status)
    values["progress"] = tuple(row.progress)
    return Notification(**values)


def _to_vmove(row: VMoveRow) -> VMove:
    return VMove(**(_values(row, VMove) | {"status": VMoveStatus(row.status), "step": Step(row.step)}))
