"""Whether the engine still polls its journal, on which everything that it does depends."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from masakari_lite import exceptions

P = ParamSpec("P")
T = TypeVar("T")

# a poll may wait for an unreachable database
_LIMIT = 900.0


class PollWatchdog:
    """Watches the periodic polls of the journal: that each is made, and returns."""

    def __init__(self, does_journal_answer: Callable[[], bool]) -> None:
        """Watch nothing yet.

        :param does_journal_answer: asked when a poll is overdue; false is a good reason for it
        """
        self._does_journal_answer = does_journal_answer
        self._due: dict[str, float] = {}

    def watch(self, poll: Callable[P, T], interval: float) -> Callable[P, T]:
        """Wrap a poll, so that it is noticed when it does not return.

        :param interval: seconds between two of them
        """
        name = poll.__name__
        self._expect(name, interval)

        @functools.wraps(poll)
        def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return poll(*args, **kwargs)
            finally:
                self._expect(name, interval)

        return watched

    def check(self) -> str:
        """Make sure that none is overdue for no good reason.

        :returns: so in words
        :raises EngineStuck: naming the poll that is; only a restart helps
        """
        now = time.monotonic()
        overdue = [name for name, due in self._due.items() if now > due]
        if overdue and self._does_journal_answer():
            raise exceptions.EngineStuck(
                f"{overdue[0]} has not returned for more than {_LIMIT:.0f} s, although the journal "
                "answers: the engine must be started again"
            )
        return "polls the journal as it should"

    def _expect(self, name: str, interval: float) -> None:
        self._due[name] = time.monotonic() + interval + _LIMIT
