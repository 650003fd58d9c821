"""The journal: the only durable truth of the engine. Every change is committed when the call returns."""

import contextlib
import dataclasses
import datetime
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import sqlalchemy as sa
from oslo_config import cfg
from oslo_db import api as db_api
from oslo_utils import timeutils
from sqlalchemy import orm

from masakari_lite import exceptions
from masakari_lite.journal import connection, schema
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
from masakari_lite.trouble import Trouble

LOG = logging.getLogger(__name__)
T = TypeVar("T")

_UNFINISHED = [status.value for status in NotificationStatus if not status.is_final]
_OPEN = [status.value for status in VMoveStatus if not status.is_final]
_ACTIVE = [status.value for status in NotificationStatus if status.is_active]

FILTERS = ("type", "hostname", "status", "limit")


class Journal:
    """Notifications and vmoves in the database that ``[database] connection`` names.

    While the database is away, calls wait with growing pauses as [database]'s ``db_max_retries`` and
    ``db_retry_interval`` say. That it is away is said once, however many calls wait.

    :raises JournalError: by every method, when the database cannot be used
    """

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Connect to the database and make sure of its schema; a SQLite file comes up by itself.

        :raises JournalOutdated: when a server's database has not the schema of this release
        """
        self._conf = conf
        with connection.translated(conf):
            manager = connection.connect(conf)
            self._engine: sa.Engine = manager.writer.get_engine()
            self._sessions: Callable[[], orm.Session] = manager.writer.get_sessionmaker()
            connection.warn_of_driver(self._engine.dialect)
            connection.limit_waits(self._engine)
            self._is_sqlite = self._engine.dialect.name == "sqlite"
            if self._is_sqlite:
                schema.upgrade_file(self._engine)
            else:
                schema.check(self._engine)
                connection.commit_each_statement(self._engine)
        # SQLite has one writer at a time and waits for it without letting other green threads run
        self._sqlite_lock = threading.Lock()
        self._trouble = Trouble(
            LOG, "The journal's database does not answer", "The journal's database answers again"
        )
        limit = conf.database.db_max_retries
        self._retry = db_api.wrap_db_retry(
            exception_checker=connection.is_away,
            retry_on_deadlock=True,
            # -1 is without end by the option's help, and no retry at all by oslo.db's own loop
            max_retries=limit if limit >= 0 else sys.maxsize,
            retry_interval=conf.database.db_retry_interval,
            inc_retry_interval=conf.database.db_inc_retry_interval,
            max_retry_interval=conf.database.db_max_retry_interval,
        )

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def ping(self) -> None:
        """Read something, and try only once."""
        with connection.translated(self._conf), self._sessions() as session:
            session.execute(sa.select(NotificationRow.id).limit(1)).first()

    def add_notification(self, notification: Notification) -> Notification:
        """Write a new notification; one with the same uuid that is there already stays as it is.

        :returns: the notification as it is in the journal
        """

        def add(session: orm.Session) -> Notification:
            now = timeutils.utcnow()
            row = NotificationRow(
                **_columns(notification, skip=("created_at", "updated_at")), created_at=now, updated_at=now
            )
            session.add(row)
            session.flush()
            return _to_notification(row)

        # written before anything is read: SQLite does not wait for a writer when a reader becomes one
        try:
            return self._run(add)
        except connection.AlreadyThere:
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
        return self._list_in(_UNFINISHED)

    def find_duplicate(self, notification: Notification, window: float) -> Notification | None:
        """Find a new or running notification equal in type, host and payload.

        :param window: how many seconds before now it may have come
        """
        since = timeutils.utcnow() - datetime.timedelta(seconds=window)
        for other in self._list_in(_ACTIVE):
            same = (other.type, other.hostname, other.payload) == (
                notification.type,
                notification.hostname,
                notification.payload,
            )
            if same and other.created_at and other.created_at > since:
                return other
        return None

    def take_up(self, notification: Notification, owner: str) -> Notification | None:
        """Make an engine the owner of a notification's recovery, unless another was quicker.

        :param notification: as this engine has read it
        :returns: the notification, running; None when it has changed since it was read
        """
        is_new_try = notification.status is not NotificationStatus.RUNNING
        changes: JsonDict = {
            "status": NotificationStatus.RUNNING,
            "owner": owner,
            "attempts": notification.attempts + is_new_try,
            "retry_at": None,
        }
        try:
            self._update_notification(notification, NotificationRow.status == notification.status, **changes)
        except exceptions.ClaimLost:
            return None
        return dataclasses.replace(notification, **changes)

    def update_notification(self, notification: Notification, **changes: Any) -> None:
        """Change columns of a notification.

        :raises ClaimLost: when it has another owner by now
        """
        self._update_notification(notification, **changes)

    def give_up(self, notification: Notification, message: str) -> None:
        """End a notification as failed, and with it the moves that have not ended or are to be tried again.

        The moves first: whoever finds them ended, and the notification not, ends it the same way.

        :raises ClaimLost: when it has been taken up since it was read
        """
        now = timeutils.utcnow()
        ending = {"status": VMoveStatus.FAILED, "message": message, "end_time": now, "updated_at": now}
        self._update_moves(notification, {"retry_at": None}, VMoveRow.retry_at.is_not(None))
        self._update_moves(notification, ending, VMoveRow.status.in_(_OPEN))
        self._update_notification(
            notification,
            NotificationRow.status == notification.status,
            status=NotificationStatus.FAILED,
            message=message,
            retry_at=None,
        )

    def add_vmoves(self, notification: Notification, vmoves: Iterable[VMove]) -> None:
        """Write new moves of a notification, all or none.

        :raises ClaimLost: when it has another owner by now
        """
        rows = [_columns(vmove) for vmove in vmoves]
        if not rows:
            self._update_notification(notification)
        for begin in range(0, len(rows), _ROWS_AT_ONCE):
            query = _build_insert(notification, rows[begin : begin + _ROWS_AT_ONCE])
            self._run(lambda session, query=query: _require_owner(session.execute(query), notification))  # type: ignore[misc]

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

    def list_locked_moves(self) -> list[VMove]:
        """List the moves with a lock of ours whose recovery nobody has to go on with."""
        query = (
            sa.select(VMoveRow)
            .join(NotificationRow, NotificationRow.notification_uuid == VMoveRow.notification_uuid)
            .where(VMoveRow.locked_by_us, NotificationRow.status.not_in(_ACTIVE))
            .order_by(VMoveRow.id)
        )
        return self._run(lambda session: [_to_vmove(row) for row in session.scalars(query)])

    def update_vmove(self, notification: Notification, vmove: VMove, **changes: Any) -> VMove:
        """Change a move of a notification in the journal, before anything is done about it.

        :returns: the changed move
        :raises ClaimLost: when the notification has another owner by now
        """
        changes["updated_at"] = timeutils.utcnow()
        is_this = VMoveRow.instance_uuid == vmove.instance_uuid
        result = self._update_moves(notification, _plain(changes), is_this)
        _require_owner(result, notification)
        return dataclasses.replace(vmove, **changes)

    def _list_in(self, statuses: list[str]) -> list[Notification]:
        query = (
            sa.select(NotificationRow)
            .where(NotificationRow.status.in_(statuses))
            .order_by(NotificationRow.id)
        )
        return self._run(lambda session: [_to_notification(row) for row in session.scalars(query)])

    def _update_moves(
        self, notification: Notification, values: JsonDict, *conditions: sa.ColumnElement[bool]
    ) -> Any:
        """Change moves of a notification while it has its owner.

        What is shared-locked makes whoever takes the notification up wait for the end of this statement.
        """
        is_owned = sa.select(NotificationRow.id).where(*_is_owned(notification)).with_for_update(read=True)
        uuid = notification.notification_uuid
        query = (
            sa.update(VMoveRow)
            .where(VMoveRow.notification_uuid == uuid, *conditions, is_owned.exists())
            .values(**values)
        )
        return self._run(lambda session: session.execute(query))

    def _update_notification(
        self, notification: Notification, *conditions: sa.ColumnElement[bool], **changes: Any
    ) -> None:
        query = _build_update(notification, changes).where(*conditions)
        self._run(lambda session: _require_owner(session.execute(query), notification))

    def _run(self, work: Callable[[orm.Session], T]) -> T:
        lost = 0

        def transact() -> T:
            nonlocal lost
            lock = self._sqlite_lock if self._is_sqlite else contextlib.nullcontext()
            try:
                with lock, self._sessions() as session, session.begin():
                    result = work(session)
            except Exception as error:
                if not connection.is_away(error):
                    raise
                lost += 1
                if lost > 1:  # a connection that the server has closed is mended by the first retry
                    self._trouble.begin(connection.find_cause(error))
                raise
            self._trouble.end()
            return result

        with connection.translated(self._conf):
            return self._retry(transact)()  # type: ignore[no-any-return]


# SQLite has 500 SELECTs in a statement at most
_ROWS_AT_ONCE = 400


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


def _find(session: orm.Session, notification_uuid: str) -> NotificationRow | None:
    return session.scalars(
        sa.select(NotificationRow).filter_by(notification_uuid=notification_uuid)
    ).one_or_none()


def _is_owned(notification: Notification) -> tuple[sa.ColumnElement[bool], ...]:
    """Hold only while nobody has taken the notification up since it was read or taken up."""
    return (
        NotificationRow.notification_uuid == notification.notification_uuid,
        NotificationRow.owner.is_not_distinct_from(notification.owner),
        NotificationRow.attempts == notification.attempts,
    )


def _build_update(notification: Notification, changes: JsonDict) -> sa.Update:
    values = _plain(changes) | {"updated_at": timeutils.utcnow()}
    return sa.update(NotificationRow).where(*_is_owned(notification)).values(**values)


def _build_insert(notification: Notification, rows: list[JsonDict]) -> sa.Insert:
    """Insert moves where their notification has still its owner, and nothing elsewhere: one statement."""
    table = VMoveRow.__table__
    owned = [
        sa.select(*(sa.literal(value, table.c[name].type) for name, value in row.items())).where(
            *_is_owned(notification)
        )
        for row in rows
    ]
    return sa.insert(VMoveRow).from_select(list(rows[0]), sa.union_all(*owned))


def _require_owner(result: Any, notification: Notification) -> None:
    if not result.rowcount:
        raise exceptions.ClaimLost(
            f"notification {notification.notification_uuid} is not {notification.owner or 'unowned'}'s any "
            "more: another engine has taken it up"
        )


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
