"""Whether the engine still looks into its journal, on which everything that it does depends."""

import functools
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from masakari_lite import exceptions

P = ParamSpec("P")
T = TypeVar("T")

# a look may wait for a database that is away
_PATIENCE = 900.0


class Looks:
    """Watches the periodic looks into the journal: that each comes, and comes back."""

    def __init__(self, is_journal_there: Callable[[], bool]) -> None:
        """Watch nothing yet.

        :param is_journal_there: asked of an overdue look; false is a good reason for it
        """
        self._is_journal_there = is_journal_there
        self._due: dict[str, float] = {}

    def watch(self, look: Callable[P, T], interval: float) -> Callable[P, T]:
        """Make a look that is missed when it does not come back.

        :param interval: seconds between two of them
        """
        name = look.__name__
        self._expect(name, interval)

        @functools.wraps(look)
        def watched(*args: P.args, **kwargs: P.kwargs) -> T:
            try:
                return look(*args, **kwargs)
            finally:
                self._expect(name, interval)

        return watched

    def check(self) -> str:
        """Make sure that none is overdue for no good reason.

        :returns: so in words
        :raises EngineStuck: naming the look that is; only a restart helps
        """
        now = time.monotonic()
        overdue = [name for name, due in self._due.items() if now > due]
        if overdue and self._is_journal_there():
            raise exceptions.EngineStuck(
                f"{overdue[0]} has not come back for more than {_PATIENCE:.0f} s, although the journal is "
                "there: the engine must be started again"
            )
        return "looks into the journal as it should"

    def _expect(self, name: str, interval: float) -> None:
        self._due[name] = time.monotonic() + interval + _PATIENCE
