"""The table of claims on hosts. Each statement changes only what is still as it was read."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.journal import connection
from masakari_lite.journal.tables import ClaimRow


@dataclasses.dataclass(frozen=True)
class Entry:
    """A claim as it was read.

    :ivar renewals: grows with each renewal, and with each change of the owner
    :ivar lease_time: for how many seconds it lasts when it is not renewed
    """

    name: str
    owner: str
    renewals: int
    lease_time: int


class ClaimTable:
    """Reads and writes claims, by connections of its own.

    :raises JournalError: by every method, when the database does not answer
    """

    def __init__(self, conf: cfg.ConfigOpts, limit: int) -> None:
        """Connect not yet.

        :param limit: seconds to wait for an answer of the database
        """
        self._lease_time: int = conf.coordination.lease_time
        with connection.translated(conf):
            self._engine = connection.build_engine(conf, limit)

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def read(self, name: str) -> Entry | None:
        """Read a claim; None when nobody has one of that name."""
        found = self._select(sa.select(ClaimRow).where(ClaimRow.name == name))
        return found[0] if found else None

    def read_all(self) -> list[Entry]:
        """Read the claims of all engines."""
        return self._select(sa.select(ClaimRow))

    def add(self, name: str, owner: str) -> bool:
        """Write a new claim; returns whether there was none yet."""
        values = {"name": name, "owner": owner, "renewals": 0, "lease_time": self._lease_time}
        try:
            self._change(sa.insert(ClaimRow).values(**values))
        except connection.AlreadyThere:
            return False
        return True

    def take_over(self, entry: Entry, owner: str) -> bool:
        """Give a claim to another owner; returns whether it was still as it was read."""
        is_unchanged = (_is(entry.name, entry.owner), ClaimRow.renewals == entry.renewals)
        values = {"owner": owner, "renewals": entry.renewals + 1, "lease_time": self._lease_time}
        return self._change(sa.update(ClaimRow).where(*is_unchanged).values(**values)) == 1

    def renew(self, name: str, owner: str) -> bool:
        """Renew a claim; returns whether it is still that owner's."""
        values = {"renewals": ClaimRow.renewals + 1}
        return self._change(sa.update(ClaimRow).where(_is(name, owner)).values(**values)) == 1

    def remove(self, name: str, owner: str) -> bool:
        """Remove a claim; returns whether it was still that owner's."""
        return self._change(sa.delete(ClaimRow).where(_is(name, owner))) == 1

    def _select(self, query: Any) -> list[Entry]:
        with self._connected() as database:
            rows = database.execute(query.with_only_columns(*_COLUMNS))
            return [Entry(row.name, row.owner, row.renewals, row.lease_time) for row in rows]

    def _change(self, statement: Any) -> int:
        with self._connected() as database:
            return int(database.execute(statement).rowcount)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as database:
                yield database
        except (sa.exc.SQLAlchemyError, ImportError, OSError) as error:
            if connection.is_duplicate(error):
                raise connection.AlreadyThere(connection.find_cause(error)) from error
            raise exceptions.JournalError(connection.find_cause(error)) from error


_COLUMNS = (ClaimRow.name, ClaimRow.owner, ClaimRow.renewals, ClaimRow.lease_time)


def _is(name: str, owner: str) -> sa.ColumnElement[bool]:
    return sa.and_(ClaimRow.name == name, ClaimRow.owner == owner)
