"""The journal's vmoves: one row for each instance of a recovery."""

import dataclasses
import time
from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from masakari_lite import transitions
from masakari_lite.journal import ownership, rows
from masakari_lite.journal.clock import JournalClock
from masakari_lite.journal.tables import NotificationRow, VMoveRow
from masakari_lite.journal.transactions import Transactions
from masakari_lite.models import JsonDict, Notification, NotificationStatus, VMove, VMoveStatus

_OPEN = [status.value for status in VMoveStatus if not status.is_final]
_ACTIVE = [status.value for status in NotificationStatus if status.is_active]
# each is a SELECT of its own in the statement: SQLAlchemy takes 1 ms a row to build one of hundreds
_ADDED_AT_ONCE = 20
_CHANGED_AT_ONCE = 400


class VMoves:
    """Reads and changes vmoves; only the owner of their notification may change them.

    :raises JournalError: by every method, when the database cannot be used
    """

    def __init__(self, transactions: Transactions, clock: JournalClock) -> None:
        self._run = transactions.run
        self._clock = clock

    def add(self, notification: Notification, vmoves: Iterable[VMove]) -> None:
        """Write new vmoves of a notification, some at a time: a recovery that resumes plans the others again.

        :raises ClaimLost: when it has another owner by now
        """
        values = [rows.to_columns(vmove) for vmove in vmoves]
        if not values:
            self._require_owner(notification)
        for begin in range(0, len(values), _ADDED_AT_ONCE):
            self._insert(notification, values[begin : begin + _ADDED_AT_ONCE])
            time.sleep(0)  # SQLite lets no other green thread run

    def list_of(self, notification_uuid: str) -> list[VMove]:
        """List the vmoves of a notification in the order in which they were planned."""
        query = sa.select(VMoveRow).filter_by(notification_uuid=notification_uuid).order_by(VMoveRow.id)
        return self._run(lambda session: [rows.to_vmove(row) for row in session.scalars(query)])

    def list_last_of(self, source_host: str) -> dict[str, VMove]:
        """List the newest vmove of each instance that was ever evacuated from a host, by instance uuid."""
        query = sa.select(VMoveRow).filter_by(source_host=source_host).order_by(VMoveRow.id)
        return self._run(
            lambda session: {row.instance_uuid: rows.to_vmove(row) for row in session.scalars(query)}
        )

    def list_stale(self, longest: float = 86400.0) -> list[VMove]:
        """List the vmoves of which something may be left in Nova, and whose recovery is not running.

        That is a lock of ours, or what a late request has done, once it is time to check that.

        :param longest: seconds; a check that is due later than so was planned before the clock was set back
        """
        recheck_at, now = VMoveRow.recheck_at, self._clock.now()
        # one query each, as SQLite uses no index for either of two conditions
        reasons = VMoveRow.locked_by_us, recheck_at <= now, recheck_at > self._clock.in_seconds(longest)
        query = (
            sa.select(VMoveRow)
            .join(NotificationRow, NotificationRow.notification_uuid == VMoveRow.notification_uuid)
            .where(NotificationRow.status.not_in(_ACTIVE))
        )

        def find(session: orm.Session) -> list[VMove]:
            found = {row.id: row for reason in reasons for row in session.scalars(query.where(reason))}
            return [rows.to_vmove(found[number]) for number in sorted(found)]

        return self._run(find)

    def find(self, notification_uuid: str, instance_uuid: str) -> VMove | None:
        """Read the vmove of one instance; None when there is none."""
        query = sa.select(VMoveRow).filter_by(
            notification_uuid=notification_uuid, instance_uuid=instance_uuid
        )
        return self._run(lambda session: next((rows.to_vmove(row) for row in session.scalars(query)), None))

    def update(self, notification: Notification, vmove: VMove, **changes: Any) -> VMove:
        """Change a vmove of a notification in the journal, before anything is done about it.

        :returns: the changed vmove
        :raises ClaimLost: when the notification has another owner by now
        """
        uuid = vmove.instance_uuid
        transitions.check(
            transitions.VMOVE, vmove.status, changes.get("status", vmove.status), f"status of {uuid}"
        )
        transitions.check(transitions.STEP, vmove.step, changes.get("step", vmove.step), f"step of {uuid}")
        changes["updated_at"] = self._clock.now()
        is_this = VMoveRow.instance_uuid == vmove.instance_uuid
        result = self._update(notification, rows.plain(changes), is_this)
        ownership.require_owner(result, notification)
        return dataclasses.replace(vmove, **changes)

    def complete(self, notification: Notification, vmoves: Collection[VMove], **changes: Any) -> None:
        """Change the unverified vmoves of a notification that have arrived, all in the same way.

        :raises ClaimLost: when the notification has another owner by now
        """
        changes["updated_at"] = self._clock.now()
        uuids = [vmove.instance_uuid for vmove in vmoves]
        for begin in range(0, len(uuids), _CHANGED_AT_ONCE):
            are_these = VMoveRow.instance_uuid.in_(uuids[begin : begin + _CHANGED_AT_ONCE])
            result = self._update(notification, changes, are_these)
            ownership.require_owner(result, notification)

    def fail_open(self, notification: Notification, reason: str, message: str) -> None:
        """End a notification's vmoves as failed that have no final status or a retry.

        :param reason: and ``message``, of those that have no final status
        """
        now = self._clock.now()
        ending = {"status": VMoveStatus.FAILED, "reason": reason, "message": message}
        self._update(notification, {"retry_at": None}, VMoveRow.retry_at.is_not(None))
        self._update(notification, ending | {"end_time": now, "updated_at": now}, VMoveRow.status.in_(_OPEN))

    def _require_owner(self, notification: Notification) -> None:
        query = ownership.build_update(notification, {}, self._clock.now())
        self._run(lambda session: ownership.require_owner(session.execute(query), notification))

    def _insert(self, notification: Notification, values: list[JsonDict]) -> None:
        query = ownership.build_insert(notification, values)
        self._run(lambda session: ownership.require_owner(session.execute(query), notification))

    def _update(
        self, notification: Notification, values: JsonDict, *conditions: sa.ColumnElement[bool]
    ) -> Any:
        query = ownership.build_vmoves_update(notification, values).where(*conditions)
        return self._run(lambda session: session.execute(query))
