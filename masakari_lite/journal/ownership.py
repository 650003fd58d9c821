"""Statements that change only what nobody else has claimed since."""

import datetime
from typing import Any

import sqlalchemy as sa

from masakari_lite import exceptions
from masakari_lite.journal import rows
from masakari_lite.journal.tables import NotificationRow, VMoveRow
from masakari_lite.models import JsonDict, Notification


def is_owned(notification: Notification) -> tuple[sa.ColumnElement[bool], ...]:
    """Be true only while nobody has claimed the notification since it was read or claimed.

    Each claim has a generation of its own, so that an engine that was stopped for long does not take another
    one's claim for its own.
    """
    return (
        NotificationRow.notification_uuid == notification.notification_uuid,
        NotificationRow.generation == notification.generation,
    )


def build_update(notification: Notification, changes: JsonDict, now: datetime.datetime) -> sa.Update:
    """Change columns of a notification that has still its owner."""
    values = rows.plain(changes) | {"updated_at": now}
    return _update(NotificationRow).where(*is_owned(notification)).values(**values)


def build_vmoves_update(notification: Notification, values: JsonDict) -> sa.Update:
    """Change vmoves of a notification while it has its owner.

    The shared lock makes whoever claims the notification wait for the end of this statement.
    """
    owned = sa.select(NotificationRow.id).where(*is_owned(notification)).with_for_update(read=True)
    is_this = VMoveRow.notification_uuid == notification.notification_uuid
    return _update(VMoveRow).where(is_this, owned.exists()).values(**values)


def build_insert(notification: Notification, values: list[JsonDict]) -> sa.Insert:
    """Insert vmoves where their notification has still its owner, and nothing elsewhere: one statement."""
    table = VMoveRow.__table__
    owned = [
        sa.select(*(sa.literal(value, table.c[name].type) for name, value in row.items())).where(
            *is_owned(notification)
        )
        for row in values
    ]
    return sa.insert(VMoveRow).from_select(list(values[0]), sa.union_all(*owned))


def _update(table: type[NotificationRow] | type[VMoveRow]) -> sa.Update:
    """Begin an update; no session has objects of the table that would have to change with it."""
    return sa.update(table).execution_options(synchronize_session=False)


def require_owner(result: Any, notification: Notification) -> None:
    """Make sure that a statement has changed something.

    :raises ClaimLost: when it has not, because the notification has another owner by now
    """
    if not result.rowcount:
        raise exceptions.ClaimLost(
            f"notification {notification.notification_uuid} does not belong to "
            f"{notification.owner or 'an engine'} any more: another engine has claimed it since generation "
            f"{notification.generation}"
        )
