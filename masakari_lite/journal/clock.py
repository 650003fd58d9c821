"""The clock of the journal's times: the database's, as all engines have that in common.

It is asked when an engine starts and at each poll of the journal, and carried forward in between by a clock
that nobody sets. So the clock of an engine's machine may be wrong, and may be set while the engine runs. A
SQLite file has no other clock than the machine's.
"""

import datetime
import logging
import math
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from masakari_lite import clocks

LOG = logging.getLogger(__name__)

# UTC whatever the server's time zone is, at the moment of the question and with microseconds
_QUERIES = {
    "mysql": "SELECT UTC_TIMESTAMP(6)",
    "mariadb": "SELECT UTC_TIMESTAMP(6)",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
}


class JournalClock:
    """Knows the journal's time, and how long ago something was written.

    When the clock jumps forward nobody knows whether it was set, or this machine had stopped meanwhile. So an
    age has two bounds, and a caller takes the one that is safe for it.
    """

    def __init__(self, ask: Callable[[], datetime.datetime] | None) -> None:
        """Read the clock for the first time.

        :param ask: asks the database for its time (UTC, naive); None: its clock is this machine's
        :raises JournalError: when the database does not answer
        """
        self._ask = ask
        self._skew = clocks.Skew(LOG, "The journal's database's")
        self._jumps: list[tuple[datetime.datetime, float]] = []
        self._reading = self._read()

    def check(self) -> None:
        """Read the clock again, and log it when it has jumped.

        :raises JournalError: when the database does not answer
        """
        reading = self._read()
        expected = self._reading.carry_to(reading.at)
        jumped = (reading.moment - expected).total_seconds()
        if abs(jumped) > clocks.LIMIT + reading.took:
            self._note_jump(expected, jumped)
        self._reading = reading

    def now(self) -> datetime.datetime:
        """Return the time (UTC, naive)."""
        if self._ask is None:
            self.check()
        return self._reading.carry_to(clocks.steady())

    def in_seconds(self, seconds: float) -> datetime.datetime:
        """Return what time it will be."""
        return self.now() + datetime.timedelta(seconds=seconds)

    def find_least_age(self, moment: datetime.datetime) -> float:
        """Return how many seconds ago a moment was at least, whatever the clock has jumped by since."""
        age = (self.now() - moment).total_seconds()
        jumped = sum(seconds for before, seconds in self._jumps if moment <= before)
        return max(0.0, age - jumped)

    def find_greatest_age(self, moment: datetime.datetime) -> float:
        """Return how many seconds ago a moment was at most.

        One that is still to come was written before the clock was set back: nobody knows how long ago.
        """
        age = (self.now() - moment).total_seconds()
        return math.inf if age < -clocks.LIMIT else age

    def find_delay(self, moment: datetime.datetime, longest: float) -> float:
        """Return in how many seconds a moment comes; 0 when it has come.

        :param longest: how many seconds ahead it can have been planned at most: a later one was planned
            before the clock was set back, and has come
        """
        delay = (moment - self.now()).total_seconds()
        return 0.0 if delay > longest + clocks.LIMIT else max(0.0, delay)

    def _read(self) -> clocks.Reading:
        if self._ask is None:
            return clocks.Reading(clocks.wall(), clocks.steady())
        asked_at, wall = clocks.steady(), clocks.wall()
        moment = self._ask()
        reading = clocks.Reading(moment, clocks.steady(), clocks.steady() - asked_at)
        ahead = (moment - wall).total_seconds()
        self._skew.note(ahead - reading.took, ahead)
        return reading

    def _note_jump(self, before: datetime.datetime, seconds: float) -> None:
        LOG.warning(
            "The clock of the journal's times, %s, has jumped %s by %s: check NTP there, unless this machine "
            "had stopped meanwhile",
            "this machine's" if self._ask is None else "the database's",
            "forward" if seconds > 0 else "back",
            clocks.describe(abs(seconds)),
        )
        if seconds > 0:
            self._jumps.append((before, seconds))


def build_clock(dialect: sa.Dialect, run: Callable[[Callable[[Any], Any]], Any]) -> JournalClock:
    """Make the clock of a database.

    :param run: runs a transaction
    """
    query = _QUERIES.get(dialect.name)
    return JournalClock(
        None if query is None else lambda: run(lambda session: session.execute(sa.text(query)).scalar_one())
    )
