"""How often Nova is polled: soon again while it answers quickly, seldom while it does not."""

import collections
import time

SHORTEST = 0.1
"""Seconds from one poll of a host's evacuations to the next, at least."""
_SHARE = 0.05
"""The share of the time that Nova may be busy with polls."""
_REMEMBERED = 10
"""So many of the last answers tell what one costs Nova."""


class Pace:
    """Lets polls take a small share of Nova's time, whichever of an engine's recoveries polls.

    Nova is shared by the whole cloud, and what a poll costs it is seen by how long it takes to answer: by the
    quickest of the last answers, as the others may have waited behind other requests.
    """

    def __init__(self) -> None:
        self._free_at = 0.0
        self._took: collections.deque[float] = collections.deque(maxlen=_REMEMBERED)

    def wait(self, polled_at: float, longest: float) -> None:
        """Wait until a host may be polled again.

        :param polled_at: when it was polled last, by ``time.monotonic()``
        :param longest: seconds from one poll to the next, at most
        """
        due = min(max(polled_at + SHORTEST, self._free_at), polled_at + longest)
        time.sleep(max(0.0, due - time.monotonic()))

    def note(self, took: float, longest: float) -> None:
        """Note how long Nova has taken to answer a poll.

        :param took: seconds
        :param longest: seconds from now after which the next one may be sent, at most
        """
        now = time.monotonic()
        self._took.append(took)
        self._free_at = min(max(self._free_at, now) + min(self._took) / _SHARE, now + longest)
