"""The time in the simulated cloud; tests can set it."""

from __future__ import annotations

import datetime
import time


class Clock:
    """The machine's time: monotonic seconds, and the time of day that belongs to them."""

    def __init__(self) -> None:
        self._wall_offset = time.time() - time.monotonic()

    def now(self) -> float:
        """Return the seconds of a clock that never goes backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        time.sleep(seconds)

    def wall(self, now: float) -> float:
        """Return the seconds since the epoch at that time of now()."""
        return self._wall_offset + now


class ManualClock(Clock):
    """A clock that changes only by advance(); sleep() advances it too."""

    def __init__(self) -> None:
        super().__init__()
        self._now = time.monotonic()

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Advance the time by that many seconds."""
        self._now += max(0.0, seconds)


def isoformat(epoch: float) -> str:
    """Return a time as servers show it, "2026-11-22T16:21:52Z": Nova stores whole seconds."""
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def isoformat_micro(epoch: float) -> str:
    """Return a time as services and migration records show it, "2026-11-22T16:21:52.000000"."""
    return datetime.datetime.fromtimestamp(int(epoch), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.000000")


def parse_isoformat(text: str) -> float:
    """Return the seconds since the epoch of an ISO 8601 time, UTC where it names no zone.

    :raises ValueError: when the text is not such a time
    """
    parsed = datetime.datetime.fromisoformat(text)
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=datetime.UTC)
    return parsed.timestamp()
