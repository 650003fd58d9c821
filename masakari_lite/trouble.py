"""Saying that something does not work: when it begins and when it has ended, not a thousand times between."""

import logging


class Trouble:
    """Something that may be away for a while."""

    def __init__(self, log: logging.Logger, what: str, is_over: str) -> None:
        """Assume that all is well.

        :param what: what does not happen meanwhile, in words
        :param is_over: what is said when it is over
        """
        self._log = log
        self._what = what
        self._is_over = is_over
        self.reason = ""

    def begin(self, reason: object) -> None:
        """Say it, unless it was said; another reason is not said again either."""
        if not self.reason:
            self._log.error("%s, trying again: %s", self._what, reason)
        self.reason = str(reason)

    def end(self) -> None:
        """Say that it is over, if it was said to be."""
        if self.reason:
            self._log.warning("%s", self._is_over)
        self.reason = ""
