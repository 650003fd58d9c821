"""What time it is in the simulated cloud; a test can turn the hands itself."""

from __future__ import annotations

import datetime
import time


class Clock:
    """The machine's own time: monotonic seconds, and the wall clock that belongs to them."""

    def __init__(self) -> None:
        self._wall_offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let that many seconds pass."""
        time.sleep(seconds)

    def wall(self, moment: float) -> float:
        """Return the seconds since the epoch at that moment of now()."""
        return self._wall_offset + moment


class ManualClock(Clock):
    """A clock that stands still until it is told to advance; whoever sleeps on it advances it."""

    def __init__(self) -> None:
        super().__init__()
        self._now = time.monotonic()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the hands forward by that many seconds."""
        self._now += max(0.0, seconds)


def isoformat(epoch: float) -> str:
    """Return servers' form of a time, "2026-11-22T16:21:52Z": Nova keeps whole seconds."""
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def isoformat_micro(epoch: float) -> str:
    """Return services' and migration records' form of a time, "2026-11-22T16:21:52.000000"."""
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")


def parse_isoformat(text: str) -> float:
    """Return the seconds since the epoch of an ISO 8601 time, UTC where it names no zone.

    :raises ValueError: when it is no such time
    """
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()
