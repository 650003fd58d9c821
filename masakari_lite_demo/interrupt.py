"""Ctrl-C and SIGTERM, handled by the demo's main thread only, between two steps."""

from __future__ import annotations

import signal
import time
from types import FrameType

_TICK = 0.1


class Interrupted(BaseException):
    """Raised by pause() when the demo must stop early."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


class Interrupt:
    """Stores a signal until the next pause().

    An exception in a signal handler would be raised in the green thread that runs at that time, maybe the
    engine's.
    """

    def __init__(self) -> None:
        self._number = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._store)

    def _store(self, number: int, _frame: FrameType | None) -> None:
        self._number = number

    def pause(self, seconds: float) -> None:
        """Wait.

        :raises Interrupted: when a signal was received
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._number:
                raise Interrupted(self._number)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_TICK, left))
