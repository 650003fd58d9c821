"""The journal's notifications."""

import dataclasses
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from masakari_lite import exceptions, transitions
from masakari_lite.journal import connection, ownership, rows
from masakari_lite.journal.clock import JournalClock
from masakari_lite.journal.tables import NotificationRow
from masakari_lite.journal.transactions import Transactions
from masakari_lite.journal.vmoves import VMoves
from masakari_lite.models import JsonDict, Notification, NotificationStatus

_UNFINISHED = [status.value for status in NotificationStatus if not status.is_final]
_ACTIVE = [status.value for status in NotificationStatus if status.is_active]


class Notifications:
    """Reads and changes notifications; what changes one's recovery must be done by its owner.

    :raises JournalError: by every method, when the database cannot be used
    """

    def __init__(self, transactions: Transactions, clock: JournalClock, vmoves: VMoves) -> None:
        self._run = transactions.run
        self._clock = clock
        self._vmoves = vmoves

    def add(self, notification: Notification) -> Notification:
        """Write a new notification; one with the same uuid that is there already stays as it is.

        :returns: the notification as it is in the journal
        """

        def add(session: orm.Session) -> Notification:
            now = self._clock.now()
            columns = rows.to_columns(notification) | {"created_at": now, "updated_at": now}
            row = NotificationRow(**columns)
            session.add(row)
            session.flush()
            return rows.to_notification(row)

        # written before anything is read: SQLite does not wait for a writer when a reader becomes one
        try:
            return self._run(add)
        except connection.AlreadyThere:
            return self.get(notification.notification_uuid)

    def get(self, notification_uuid: str) -> Notification:
        """Read one notification.

        :raises NotificationNotFound: when there is none with that uuid
        """

        def get(session: orm.Session) -> Notification | None:
            row = _find(session, notification_uuid)
            return rows.to_notification(row) if row else None

        found = self._run(get)
        if found is None:
            raise exceptions.NotificationNotFound(f"there is no notification {notification_uuid!r}")
        return found

    def list_by(
        self,
        type: str | None = None,
        hostname: str | None = None,
        status: str | None = None,
        limit: int | None = None,
        older_than: Notification | None = None,
    ) -> list[Notification]:
        """List notifications, the newest first; each argument that is given filters."""
        wanted = {"type": type, "hostname": hostname, "status": status}
        filters = {column: value for column, value in wanted.items() if value is not None}
        query = sa.select(NotificationRow).filter_by(**filters).order_by(NotificationRow.id.desc())
        if older_than is not None:
            this = sa.select(NotificationRow.id).filter_by(notification_uuid=older_than.notification_uuid)
            query = query.where(NotificationRow.id < this.scalar_subquery())
        if limit is not None:
            query = query.limit(limit)
        return self._list(query)

    def list_unfinished(self) -> list[Notification]:
        """List the notifications on which an engine has still to act, the oldest first."""
        is_unfinished = NotificationRow.status.in_(_UNFINISHED)
        return self._list(sa.select(NotificationRow).where(is_unfinished).order_by(NotificationRow.id))

    def find_duplicate(self, notification: Notification, window: float) -> Notification | None:
        """Find a notification equal in type, host and payload: the same one, or another of the same failure.

        The same one was generated at the same time, whatever has become of it; another is new or running.

        :param window: how many seconds ago another may have come at most
        """
        is_same = NotificationRow.generated_time == notification.generated_time
        query = (
            sa.select(NotificationRow)
            .filter_by(type=notification.type, hostname=notification.hostname)
            .where(is_same | NotificationRow.status.in_(_ACTIVE))
            .order_by(NotificationRow.id)
        )
        for other in self._list(query):
            is_same_time = other.generated_time == notification.generated_time
            is_recent = self._clock.find_least_age(other.created_at or self._clock.now()) < window
            if other.payload == notification.payload and (is_same_time or is_recent):
                return other
        return None

    def claim(self, notification: Notification, owner: str) -> Notification | None:
        """Make an engine the owner of a notification's recovery, unless another was quicker.

        :param notification: as this engine has read it
        :returns: the notification, running; None when it has changed since it was read
        """
        is_new_attempt = notification.status is not NotificationStatus.RUNNING
        changes: JsonDict = {
            "status": NotificationStatus.RUNNING,
            "owner": owner,
            "generation": notification.generation + 1,
            "attempts": notification.attempts + is_new_attempt,
            "retry_at": None,
        }
        try:
            self._update(notification, NotificationRow.status == notification.status, **changes)
        except exceptions.ClaimLost:
            return None
        return dataclasses.replace(notification, **changes)

    def update(self, notification: Notification, **changes: Any) -> None:
        """Change columns of a notification.

        :raises ClaimLost: when it has another owner by now
        """
        self._update(notification, **changes)

    def give_up(self, notification: Notification, reason: str, message: str) -> None:
        """Give a notification up as failed, and with it the vmoves without final status or with a retry.

        The vmoves first: whoever finds them completed, and the notification not, does the same again.

        :raises ClaimLost: when it was claimed since it was read
        """
        self._vmoves.fail_open(notification, reason, message)
        self._update(
            notification,
            NotificationRow.status == notification.status,
            status=NotificationStatus.FAILED,
            reason=reason,
            message=message,
            retry_at=None,
        )

    def _list(self, query: sa.Select[NotificationRow]) -> list[Notification]:
        return self._run(lambda session: [rows.to_notification(row) for row in session.scalars(query)])

    def _update(
        self, notification: Notification, *conditions: sa.ColumnElement[bool], **changes: Any
    ) -> None:
        before, after = notification.status, changes.get("status", notification.status)
        whose = f"status of {notification.notification_uuid}"
        transitions.check(transitions.NOTIFICATION, before, after, whose)
        query = ownership.build_update(notification, changes, self._clock.now()).where(*conditions)
        self._run(lambda session: ownership.require_owner(session.execute(query), notification))


def _find(session: orm.Session, notification_uuid: str) -> NotificationRow | None:
    return session.scalars(
        sa.select(NotificationRow).filter_by(notification_uuid=notification_uuid)
    ).one_or_none()
