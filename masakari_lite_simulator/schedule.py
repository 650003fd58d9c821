"""Effects that the simulated cloud carries out later, ordered by time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Effect = Callable[[], None]


class Schedule:
    """Effects that wait for their time; those of one time are carried out in the order they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Effect]] = []
        self._numbers = itertools.count()

    def add(self, due: float, effect: Effect) -> None:
        """Schedule an effect.

        :param due: a time of the cloud's clock, in seconds
        """
        heapq.heappush(self._heap, (due, next(self._numbers), effect))

    def pop_due(self, now: float) -> tuple[float, Effect] | None:
        """Remove and return the first effect that is due by `now`, with its time; None when there is none."""
        if not self._heap or self._heap[0][0] > now:
            return None
        due, _number, effect = heapq.heappop(self._heap)
        return due, effect
