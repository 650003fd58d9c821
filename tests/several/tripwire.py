"""Freezes the engine's process from within, at the worst moments: laid in before it starts."""

import os
import signal
from typing import Any

import sqlalchemy as sa
import urllib3.connection
from sqlalchemy import event
from sqlalchemy.engine import default

from masakari_lite.engine.claims import Claim

_WRITES = ("INSERT", "UPDATE", "DELETE")


def lay(freeze: dict[str, Any] | None) -> None:
    """Have the process stop itself (SIGSTOP).

    :param freeze: ``moment``, one of MOMENTS, and ``at``, at which of its kind; None lays nothing
    """
    if freeze is not None:
        MOMENTS[freeze["moment"]](_Countdown(freeze["at"]))


class _Countdown:
    """Stops the process when it is called for the n-th time."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGSTOP)


def _before_check(count: _Countdown) -> None:
    """Stop when it is about to look whether a claim still holds, which it does right before it sends."""
    check = Claim.check

    def stop_and_check(claim: Claim) -> None:
        count()
        check(claim)

    Claim.check = stop_and_check  # type: ignore[method-assign]


def _before_sending(count: _Countdown) -> None:
    """Stop with a request to change something that is put together, and its connection made."""
    endheaders = urllib3.connection.HTTPConnection.endheaders

    def stop_and_end(connection: Any, *arguments: Any, **options: Any) -> None:
        if b" /compute" in connection._buffer[0] and not connection._buffer[0].startswith(b"GET"):
            count()
        endheaders(connection, *arguments, **options)

    urllib3.connection.HTTPConnection.endheaders = stop_and_end  # type: ignore[method-assign]


def _before_commit(count: _Countdown) -> None:
    """Stop in the middle of a change to the journal."""
    commit = default.DefaultDialect.do_commit
    is_writing = False

    def note_write(_connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        nonlocal is_writing
        is_writing |= statement.lstrip().upper().startswith(_WRITES)

    def stop_and_commit(dialect: default.DefaultDialect, raw: Any) -> None:
        nonlocal is_writing
        if is_writing:
            is_writing = False
            count()
        commit(dialect, raw)

    event.listen(sa.Engine, "after_cursor_execute", note_write)
    default.DefaultDialect.do_commit = stop_and_commit  # type: ignore[method-assign]


MOMENTS = {"check": _before_check, "send": _before_sending, "commit": _before_commit}
