"""A message broker that is away, said once: oslo.messaging says each try of each connection, without an end.

Its RabbitMQ driver tells nobody of an outage but its log, so its log is read.
"""

import logging
import time

from masakari_lite.trouble import Trouble

LOG = logging.getLogger(__name__)

_DRIVER = "oslo.messaging._drivers.impl_rabbit"
_TROUBLES = ("Connection failed", "is unreachable", "the connection. Check login credentials")
_RECONNECTED = "Reconnected to AMQP server"
# seconds; the driver tries more often (rabbit_interval_max is 30), so a connection that is silent for so long
# was given up and is no trouble any more
_SILENCE = 120.0


class Outage(logging.Filter):
    """Watches the driver's log, and keeps from it what is said here."""

    def __init__(self) -> None:
        super().__init__()
        self._trouble = Trouble(LOG, "The message broker does not answer", "The message broker answers again")
        self._away: dict[str, float] = {}  # by connection, when it failed last

    @property
    def is_on(self) -> bool:
        """Whether a connection to the broker is being tried again."""
        self._forget_silent_ones()
        return bool(self._away)

    def begin_to_watch(self) -> None:
        """Read the driver's log from now on."""
        logging.getLogger(_DRIVER).addFilter(self)

    def cease_to_watch(self) -> None:
        """Let the driver's log be as it is."""
        logging.getLogger(_DRIVER).removeFilter(self)

    def end(self) -> None:
        """Note that the broker has let us in."""
        self._away.clear()
        self._trouble.end()

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what a line tells of a connection; returns whether it is left in the log."""
        template = str(record.msg)
        connection = str(record.args.get("connection_id")) if isinstance(record.args, dict) else ""
        if any(words in template for words in _TROUBLES):
            self._forget_silent_ones()
            self._away[connection] = time.monotonic()
            self._trouble.begin(record.getMessage())
            return False
        if _RECONNECTED in template:
            self._away.pop(connection, None)
            self._away.pop("", None)
            if not self._away:
                self._trouble.end()
            return False
        return True

    def _forget_silent_ones(self) -> None:
        now = time.monotonic()
        self._away = {name: at for name, at in self._away.items() if now - at < _SILENCE}
        if not self._away:
            self._trouble.end()
