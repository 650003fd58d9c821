"""Outages and refusals of the message broker, logged once: oslo.messaging logs each attempt, without an end.

Its RabbitMQ driver reports an outage nowhere but in its log, so its log is read.
"""

import logging
import time

from masakari_lite.outage import OutageReporter
from masakari_lite.rpc import broker_errors

LOG = logging.getLogger(__name__)

_DRIVER = "oslo.messaging._drivers.impl_rabbit"
_FAILURES = ("Connection failed", "is unreachable", "the connection. Check login credentials")
# the first refusal of a queue: what the driver does then is refused, too, and says less of the cause
_CONFLICT = "conflicting configurations"
_REFUSALS = (
    "Failed to declare consumer for topic",
    "Unable to connect to AMQP server",
    "Failed to consume message from queue",
)
_RECONNECTED = "Reconnected to AMQP server"
# seconds; the driver tries again more often (rabbit_interval_max is 30), so a connection that is silent
# for so long was given up and is no outage any more
_SILENCE = 120.0


class BrokerLogFilter(logging.Filter):
    """Watches the driver's log, and removes from it what is logged here."""

    def __init__(self) -> None:
        super().__init__()
        self._outage = OutageReporter(
            LOG, "The message broker does not answer", "The message broker answers again"
        )
        self._refused = OutageReporter(
            LOG, "The message broker refuses the engine", "The message broker refuses nothing any more"
        )
        self._away: dict[str, float] = {}  # by connection, when it failed last
        self._is_let_in = False
        self._conflict = self._refusal = ""

    @property
    def is_on(self) -> bool:
        """Whether a connection to the broker is being tried again."""
        self._forget_silent_ones()
        return bool(self._away or self._refused.reason)

    @property
    def reason(self) -> str:
        """Why the engine is not served by the broker, and what to do; empty when it is."""
        return self._refusal or self._refused.reason or (self._outage.reason if self.is_on else "")

    def refuse(self, error: Exception) -> str:
        """Note that the broker did not let the engine listen.

        :returns: why, and what to do
        """
        self._refusal = self._take_conflict() or broker_errors.explain(str(error))
        return self._refusal

    def begin_to_watch(self) -> None:
        """Read the driver's log from now on."""
        logging.getLogger(_DRIVER).addFilter(self)

    def cease_to_watch(self) -> None:
        """Let the driver's log be as it is."""
        logging.getLogger(_DRIVER).removeFilter(self)

    def end(self) -> None:
        """Note that the broker has let us in, perhaps with less than was asked for."""
        self._away.clear()
        self._outage.end()
        self._is_let_in = True
        self._refusal = ""
        if conflict := self._take_conflict():
            LOG.warning("The message broker has let the engine in, but not as it is configured: %s", conflict)

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what a line reports of a connection; returns whether it is left in the log."""
        template = str(record.msg)
        connection = str(record.args.get("connection_id")) if isinstance(record.args, dict) else ""
        if any(words in template for words in _FAILURES):
            self._forget_silent_ones()
            self._away[connection] = time.monotonic()
            self._outage.begin(broker_errors.explain(record.getMessage()))
            return False
        if _CONFLICT in template:
            self._conflict = broker_errors.explain(
                str(record.args[-1]) if isinstance(record.args, tuple) else ""
            )
            return False
        if template.startswith(_REFUSALS):
            return self._is_left(record.getMessage())
        if _RECONNECTED in template:
            self._away.pop(connection, None)
            self._away.pop("", None)
            if not self._away:
                self._outage.end()
                self._refused.end()
                self._conflict = ""
            return False
        return True

    def _is_left(self, text: str) -> bool:
        """Note a refusal; returns whether it is left in the log."""
        if self._is_let_in:
            if not (self._conflict or broker_errors.is_known(text)):
                return True
            self._refused.begin(self._conflict or broker_errors.explain(text))
        return False  # before, the caller of the driver gets the error, and logs it

    def _take_conflict(self) -> str:
        conflict, self._conflict = self._conflict, ""
        return conflict

    def _forget_silent_ones(self) -> None:
        now = time.monotonic()
        self._away = {name: at for name, at in self._away.items() if now - at < _SILENCE}
        if not self._away:
            self._outage.end()
