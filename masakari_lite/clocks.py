"""What time it is: this machine's clocks, and how far others differ from them.

Times of different clocks are never compared. What Nova has written is compared with Nova's times, what is in
the journal with the database's. What only we measure is measured by a clock that nobody sets.
"""

import dataclasses
import datetime
import logging
import time

from oslo_utils import timeutils

LIMIT = 5.0
"""Clocks may differ by so many seconds before that is logged."""


def steady() -> float:
    """Return the seconds of a clock that is never set, and runs while the process or the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wall() -> datetime.datetime:
    """Return the time of this machine's clock, which may be wrong and may be set at any time (UTC, naive)."""
    now: datetime.datetime = timeutils.utcnow()
    return now


@dataclasses.dataclass(frozen=True)
class Reading:
    """What another clock showed (UTC, naive).

    :ivar at: when that was, by ``steady()``
    :ivar took: how many seconds the reading took: the clock may have shown it earlier by as many
    """

    moment: datetime.datetime
    at: float
    took: float = 0.0

    def carry_to(self, at: float) -> datetime.datetime:
        """Return what the clock shows at another time of ``steady()``, unless it is set."""
        return self.moment + datetime.timedelta(seconds=at - self.at)


class Skew:
    """Logs once that another clock is ahead of this machine's or behind it, and when that has ended."""

    def __init__(self, log: logging.Logger, whose: str) -> None:
        """Log nothing yet.

        :param whose: clock it is: "Nova's"
        """
        self._log = log
        self._whose = whose
        self._is_told = False

    def note(self, least: float, most: float) -> None:
        """Compare both clocks.

        :param least: how many seconds the other clock is ahead at least; less than 0 is behind
        :param most: how many seconds it is ahead at most
        """
        is_far = least > LIMIT or most < -LIMIT  # surely
        if self._is_told == is_far:
            return
        self._is_told = not self._is_told
        if not self._is_told:
            self._log.warning("%s clock agrees with this machine's again", self._whose)
            return
        self._log.warning(
            "%s clock is %s this machine's: set both by NTP. Recoveries are not affected, but the times in "
            "logs and notifications are not the same",
            self._whose,
            describe_offset((least + most) / 2),
        )


def describe_offset(seconds: float) -> str:
    """Say in words how far one clock is ahead of another: "5 min 3 s ahead of"."""
    return f"{describe(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'}"


def describe(seconds: float) -> str:
    """Say a length of time in words, by its two greatest units: "3 h 5 min"."""
    exact = 3600 if seconds >= 86400 else 60 if seconds >= 3600 else 1
    left = round(seconds / exact) * exact
    parts = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
