"""Rows of the journal's tables as records, and the other way round."""

import dataclasses

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


def plain(changes: JsonDict) -> JsonDict:
    """Make of a record's values what a column takes."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in changes.items()}


def to_columns(record: Notification | VMove) -> JsonDict:
    """Make a row's columns of a record."""
    return plain({field.name: getattr(record, field.name) for field in dataclasses.fields(record)})


def _values(row: NotificationRow | VMoveRow, model: type[Notification] | type[VMove]) -> JsonDict:
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(model)}


def to_notification(row: NotificationRow) -> Notification:
    """Make a notification of its row."""
    values = _values(row, Notification)
    values["type"] = NotificationType(row.type)
    values["status"] = NotificationStatus(row.status)
    values["progress"] = tuple(row.progress)
    return Notification(**values)


def to_vmove(row: VMoveRow) -> VMove:
    """Make a vmove of its row."""
    return VMove(**(_values(row, VMove) | {"status": VMoveStatus(row.status), "step": Step(row.step)}))
