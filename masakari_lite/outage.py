"""Logging that something does not work: once when that begins, and once when it is over."""

import logging


class OutageReporter:
    """Logs the outages of one thing."""

    def __init__(self, log: logging.Logger, what: str, is_over: str) -> None:
        """Assume that all is well.

        :param what: what does not happen meanwhile, in words
        :param is_over: what is logged when it is over
        """
        self._log = log
        self._what = what
        self._is_over = is_over
        self.reason = ""

    def begin(self, reason: object) -> None:
        """Log that it begins, unless it was logged; another reason is not logged again."""
        if not self.reason:
            self._log.error("%s, trying again: %s", self._what, reason)
        self.reason = str(reason)

    def end(self) -> None:
        """Log that it is over, if its begin was logged."""
        if self.reason:
            self._log.warning("%s", self._is_over)
        self.reason = ""
