"""Ctrl-C and SIGTERM, seen by the demo's main thread only, and between two steps."""

from __future__ import annotations

import signal
import time
from types import FrameType

_TICK = 0.1


class Interrupted(BaseException):
    """Raised by pause() when the demo is to end early."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_status = 128 + number


class Interrupt:
    """Remembers a signal until somebody pauses.

    An exception from a signal handler would end whatever green thread runs just then, one of the engine's
    for instance.
    """

    def __init__(self) -> None:
        self._number = 0
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._number = number

    def pause(self, seconds: float) -> None:
        """Wait.

        :raises Interrupted: when a signal has come
        """
        deadline = time.monotonic() + seconds
        while True:
            if self._number:
                raise Interrupted(self._number)
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_TICK, left))
