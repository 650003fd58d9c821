"""What will happen in the simulated cloud, in the order of time."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable

Effect = Callable[[], None]


class Agenda:
    """Effects that wait for their moment; those of one moment come in the order they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Effect]] = []
        self._numbers = itertools.count()

    def add(self, moment: float, effect: Effect) -> None:
        """Have something happen at that moment."""
        heapq.heappush(self._heap, (moment, next(self._numbers), effect))

    def next_due(self, moment: float) -> tuple[float, Effect] | None:
        """Take the first effect that is due by that moment, and when it was due; None when there is none."""
        if not self._heap or self._heap[0][0] > moment:
            return None
        due, _number, effect = heapq.heappop(self._heap)
        return due, effect
