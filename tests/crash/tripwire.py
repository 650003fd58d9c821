"""Kills the engine's process from within, at its n-th access to the journal: laid in it before it starts."""

import os
import signal
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import default

_WRITES = ("INSERT", "UPDATE", "DELETE")


def lay(kill: dict[str, Any] | None) -> None:
    """Have the process killed.

    :param kill: ``kind`` (see points.py) and ``at``; what is Nova's or the clock's is not for this room
    """
    if kill and kill["kind"].startswith("journal"):
        _Commits(kill["kind"], kill["at"]).watch()
    elif kill and kill["kind"] == "schema":
        _Statements(kill["at"]).watch()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _Statements:
    """Counts whatever is sent to the database."""

    def __init__(self, at: int) -> None:
        self._left = at

    def watch(self) -> None:
        event.listen(sa.Engine, "before_cursor_execute", self._count)

    def _count(self, *_details: object) -> None:
        self._left -= 1
        if not self._left:
            _die()


class _Commits:
    """Counts the commits that write something: the journal ends with a commit what it only reads, too."""

    def __init__(self, kind: str, at: int) -> None:
        self._before, self._at = kind == "journal-before", at
        self._count = 0
        self._is_tripped = False

    def watch(self) -> None:
        event.listen(sa.Engine, "after_cursor_execute", self._note_write)
        event.listen(sa.Engine, "commit", self._count_commit)
        original: Callable[..., None] = default.DefaultDialect.do_commit

        def do_commit(dialect: default.DefaultDialect, raw: Any) -> None:
            self._die_if(self._before)
            original(dialect, raw)
            self._die_if(True)

        default.DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]

    def _note_write(self, connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            connection.info["has_written"] = True

    def _count_commit(self, connection: sa.Connection) -> None:
        if connection.info.pop("has_written", False):
            self._count += 1
            self._is_tripped = self._count == self._at

    def _die_if(self, is_time: bool) -> None:
        if self._is_tripped and is_time:
            _die()
