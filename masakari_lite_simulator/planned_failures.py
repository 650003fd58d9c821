"""Evacuations that a test or the demo wants Nova to fail."""

from __future__ import annotations

import collections
import random
from collections.abc import Iterable

ALWAYS = 2**31


class PlannedFailures:
    """Which evacuations shall fail, at which step, and how many times more.

    :param source: what a share of all evacuations is drawn from
    """

    def __init__(self, source: random.Random) -> None:
        self._random = source
        self._scheduling: collections.Counter[str] = collections.Counter()
        self._rebuilds: collections.Counter[str] = collections.Counter()
        self._share = 0.0

    def plan_no_valid_host(self, uuids: Iterable[str], share: float | None, times: int | None) -> None:
        """Let the scheduler find no host for these servers, or for a share of all evacuations.

        :param share: 0 to 1; None leaves it as it is
        :param times: for each of the servers; None is always
        """
        if share is not None:
            self._share = share
        self._plan(self._scheduling, uuids, times)

    def plan_rebuild_failure(self, uuids: Iterable[str], times: int | None) -> None:
        """Let the rebuild of these servers fail on the destination, `times` times each (None: always)."""
        self._plan(self._rebuilds, uuids, times)

    def fails_scheduling(self, uuid: str) -> bool:
        """Return True when this scheduling shall fail; counts as one of the times."""
        return self._spend(self._scheduling, uuid) or (
            self._share > 0 and self._random.random() < self._share
        )

    def fails_rebuild(self, uuid: str) -> bool:
        """Return True when this rebuild shall fail; counts as one of the times."""
        return self._spend(self._rebuilds, uuid)

    def _plan(self, plan: collections.Counter[str], uuids: Iterable[str], times: int | None) -> None:
        for uuid in uuids:
            plan[uuid] = ALWAYS if times is None else times

    def _spend(self, plan: collections.Counter[str], uuid: str) -> bool:
        if plan[uuid] <= 0:
            return False
        plan[uuid] -= 1
        return True
