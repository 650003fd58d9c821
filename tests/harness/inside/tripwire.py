"""Sends a signal to the engine's process from within, at a chosen moment: laid before it starts."""

import os
import signal
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
import urllib3.connection
from sqlalchemy import event
from sqlalchemy.engine import default

from masakari_lite.coordination.claims import Claim

_WRITES = ("INSERT", "UPDATE", "DELETE")


def lay(trap: dict[str, Any] | None) -> None:
    """Have the process kill or freeze itself.

    :param trap: ``moment``, one of MOMENTS; ``at``, at which of its kind; ``signal``, the number of what
        is sent; None lays nothing
    """
    if trap is not None:
        MOMENTS[trap["moment"]](_Countdown(trap["at"], trap["signal"]))


def count(path: str | None) -> None:
    """Note each change of the journal that is committed in a file, by one byte.

    :param path: of the file; None counts nothing
    """
    if path is not None:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        _watch_commits(before=_nothing, after=lambda: os.write(file, b"."))


class _Countdown:
    """Sends the signal when it is called for the n-th time."""

    def __init__(self, at: int, number: int) -> None:
        self._left = at
        self._signal = signal.Signals(number)

    def __call__(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), self._signal)


def _before_statement(count: _Countdown) -> None:
    """Whatever is sent to the database."""
    event.listen(sa.Engine, "before_cursor_execute", lambda *_details: count())


def _before_commit(count: _Countdown) -> None:
    """A change of the journal, before it is committed."""
    _watch_commits(before=count, after=_nothing)


def _after_commit(count: _Countdown) -> None:
    """A change of the journal that is committed, before anything else is done."""
    _watch_commits(before=_nothing, after=count)


def _watch_commits(before: Callable[[], object], after: Callable[[], object]) -> None:
    """Look at the commits that write something: the journal ends with a commit what it only reads, too."""
    original = default.DefaultDialect.do_commit
    is_write, mark = False, object()

    def note_write(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(_WRITES):
            connection.info[mark] = True

    def note_commit(connection: sa.Connection) -> None:
        nonlocal is_write
        is_write = connection.info.pop(mark, False)

    def do_commit(dialect: default.DefaultDialect, raw: Any) -> None:
        nonlocal is_write
        # while it commits, another green thread may
        writes, is_write = is_write, False
        if writes:
            before()
        original(dialect, raw)
        if writes:
            after()

    event.listen(sa.Engine, "after_cursor_execute", note_write)
    event.listen(sa.Engine, "commit", note_commit)
    default.DefaultDialect.do_commit = do_commit  # type: ignore[method-assign]


def _nothing() -> None:
    """Do nothing."""


def _before_check(count: _Countdown) -> None:
    """When it is about to look whether a claim still holds, which it does right before it sends."""
    check = Claim.check

    def count_and_check(claim: Claim) -> None:
        count()
        check(claim)

    Claim.check = count_and_check  # type: ignore[method-assign]


def _before_sending(count: _Countdown) -> None:
    """With a request to change something that is put together, and its connection made."""
    endheaders = urllib3.connection.HTTPConnection.endheaders

    def count_and_end(connection: Any, *arguments: Any, **options: Any) -> None:
        if b" /compute" in connection._buffer[0] and not connection._buffer[0].startswith(b"GET"):
            count()
        endheaders(connection, *arguments, **options)

    urllib3.connection.HTTPConnection.endheaders = count_and_end  # type: ignore[method-assign]


MOMENTS: dict[str, Callable[[_Countdown], None]] = {
    "statement": _before_statement,
    "commit": _before_commit,
    "committed": _after_commit,
    "check": _before_check,
    "send": _before_sending,
}
