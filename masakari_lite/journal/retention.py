"""Deleting what the journal no longer needs: old notifications that have ended, and their vmoves."""

import dataclasses
import datetime
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import orm

from masakari_lite.journal.tables import NotificationRow, VMoveRow
from masakari_lite.journal.transactions import Transactions
from masakari_lite.models import NotificationStatus

_FINAL = [status.value for status in NotificationStatus if status.is_final]
# notifications that are checked together
_PAGE = 50
# rows that are deleted in one transaction: few enough for a Galera cluster, and that no engine waits long
_BATCH = 500
# the database's own time, in UTC; the machine that this runs on may have another
_NOW = {
    "sqlite": sa.func.current_timestamp(),
    "postgresql": sa.func.timezone("UTC", sa.func.now()),
    "mysql": sa.func.utc_timestamp(),
    "mariadb": sa.func.utc_timestamp(),
}

Row = tuple[type[NotificationRow] | type[VMoveRow], int]


@dataclasses.dataclass
class Tally:
    """What a purge has deleted, or would delete, and what it has found old enough and kept.

    :ivar unfinished: notifications that are new, running or error
    :ivar needed: notifications with a vmove that an engine has still to check
    """

    notifications: int = 0
    vmoves: int = 0
    unfinished: int = 0
    needed: int = 0

    @property
    def deleted(self) -> int:
        """How many rows were deleted in all."""
        return self.notifications + self.vmoves


class Retention:
    """Deletes the oldest notifications first, in small transactions; the engines may run meanwhile.

    A notification is deleted after all its vmoves. It is kept while it has not ended, or one of its vmoves
    may have left a lock of ours or is to be checked once more.

    :raises JournalError: by its methods, when the database cannot be used
    """

    def __init__(self, transactions: Transactions, keep: float) -> None:
        """Delete nothing yet.

        :param keep: seconds for which everything is kept: recoveries may still resume what is younger
        """
        self._run = transactions.run
        self._keep = datetime.timedelta(seconds=keep)
        self.tally = Tally()

    def purge(
        self,
        age: datetime.timedelta,
        max_rows: int | None,
        follow: Callable[[Tally], None],
        dry_run: bool = False,
    ) -> None:
        """Delete what was changed last longer ago than ``age``; ``tally`` has how much, after an error too.

        :param max_rows: how many rows may be deleted, of both tables together; None: all
        :param follow: called after each transaction
        :param dry_run: only count
        """
        delete = self._count if dry_run else self._delete
        old = itertools.islice(self._list_old_rows(age), max_rows)
        while batch := list(itertools.islice(old, _BATCH)):
            delete(batch)
            follow(self.tally)

    def _count(self, batch: Sequence[Row]) -> None:
        vmoves = len(_pick(batch, VMoveRow))
        self._add(vmoves, len(batch) - vmoves)

    def _delete(self, batch: Sequence[Row]) -> None:
        """Delete rows by their ids alone, so that no others are locked meanwhile."""
        vmoves = sa.delete(VMoveRow).where(VMoveRow.id.in_(_pick(batch, VMoveRow)))
        notifications = sa.delete(NotificationRow).where(
            NotificationRow.id.in_(_pick(batch, NotificationRow)), NotificationRow.status.in_(_FINAL)
        )

        def delete(session: orm.Session) -> tuple[int, int]:
            counts: list[Any] = [session.execute(query) for query in (vmoves, notifications)]
            return counts[0].rowcount, counts[1].rowcount

        self._add(*self._run(delete))

    def _add(self, vmoves: int, notifications: int) -> None:
        self.tally.vmoves += vmoves
        self.tally.notifications += notifications

    # what may be deleted

    def _list_old_rows(self, age: datetime.timedelta) -> Iterator[Row]:
        """Yield what may be deleted, each notification right after its vmoves."""
        now = self._run(_read_time)
        for page in self._list_pages(now - max(age, self._keep)):
            ended = {row.notification_uuid: row.id for row in page if row.status in _FINAL}
            needed = self._find_needed(list(ended), now - self._keep)
            self.tally.unfinished += len(page) - len(ended)
            self.tally.needed += len(needed)
            vmoves = self._list_vmoves([uuid for uuid in ended if uuid not in needed])
            for uuid, number in ended.items():
                if uuid not in needed:
                    yield from ((VMoveRow, vmove) for vmove in vmoves.get(uuid, ()))
                    yield NotificationRow, number

    def _list_pages(self, before: datetime.datetime) -> Iterator[Sequence[Any]]:
        columns = NotificationRow.id, NotificationRow.notification_uuid, NotificationRow.status
        changed, number = NotificationRow.updated_at, NotificationRow.id
        # whether they have ended is not asked for: the database would use the index of that
        query = sa.select(*columns, changed).where(changed < before).order_by(changed, number).limit(_PAGE)
        page = self._select(query)
        while page:
            yield page
            last = page[-1]
            is_later = sa.or_(changed > last.updated_at, number > last.id)
            page = self._select(query.where(changed >= last.updated_at, is_later))

    def _find_needed(self, uuids: list[str], since: datetime.datetime) -> set[str]:
        is_needed = sa.or_(
            VMoveRow.locked_by_us, VMoveRow.recheck_at.is_not(None), VMoveRow.updated_at >= since
        )
        query = sa.select(VMoveRow.notification_uuid).where(VMoveRow.notification_uuid.in_(uuids), is_needed)
        return {row.notification_uuid for row in self._select(query)}

    def _list_vmoves(self, uuids: list[str]) -> dict[str, list[int]]:
        query = sa.select(VMoveRow.notification_uuid, VMoveRow.id).where(
            VMoveRow.notification_uuid.in_(uuids)
        )
        found: dict[str, list[int]] = {}
        for row in self._select(query):
            found.setdefault(row.notification_uuid, []).append(row.id)
        return found

    def _select(self, query: Any) -> Sequence[Any]:
        return self._run(lambda session: session.execute(query).all())


def _pick(batch: Sequence[Row], table: type[NotificationRow] | type[VMoveRow]) -> list[int]:
    return [number for of_table, number in batch if of_table is table]


def _read_time(session: orm.Session) -> datetime.datetime:
    now = _NOW[session.get_bind().dialect.name]
    return session.execute(sa.select(sa.type_coerce(now, sa.DateTime))).scalar_one()
