"""Polling evacuation records: one request at a time for all the hosts that an engine recovers."""

import collections
import contextlib
import datetime
import logging
import time
from collections.abc import Callable, Iterator

from masakari_lite import clocks, concurrency, exceptions
from masakari_lite.compute.migrations import Migrations
from masakari_lite.compute.pace import Pace
from masakari_lite.models import Migration
from masakari_lite.outage import OutageReporter

LOG = logging.getLogger(__name__)

CLOCK_MARGIN = datetime.timedelta(minutes=1)
"""The clocks of Nova's own servers may differ by so much before a change is missed in a changes-since list.

With more of it they would take each other's services for down.
"""
_MARGIN_EVERY = 10
"""Once in so many intervals a poll has the margin: what is within it would else be listed again and again."""

Receive = Callable[[list[Migration]], None]


class EvacuationPoller:
    """Polls for all green threads that wait for an evacuation, whichever host it is from.

    What that costs Nova follows the evacuations that run, and not the hosts: with several of them it lists
    what has changed of all evacuation records, which are theirs or another engine's. How soon the next poll
    is due depends on how quickly Nova answers.
    """

    def __init__(self, migrations: Migrations, pace: Pace) -> None:
        self._migrations = migrations
        self._pace = pace
        self._hosts: dict[str, Receive] = {}
        self._waiting = 0
        self._clock: clocks.Reading | None = None  # Nova's
        self._as_of: datetime.datetime | None = None  # of the last poll that was answered, by Nova's clock
        self._as_of_with_margin: datetime.datetime | None = None  # and of the last one that had the margin
        self._margin_at = self._polled_at = 0.0
        self._outage = OutageReporter(LOG, "Evacuations cannot be polled", "Evacuations are polled again")
        self.answered_at = 0.0
        """When Nova was last asked, by ``time.monotonic()``, and has answered; 0 when it does not."""
        self.is_polling = False
        """Whether the green thread runs that polls while somebody waits."""
        self.failure: Exception | None = None
        """What has ended the polling unexpectedly: who waits would wait for ever."""

    def follow(self, host: str, clock: clocks.Reading, receive: Receive) -> None:
        """Poll the evacuations from a host, too.

        :param clock: the time at Nova up to which they are known
        :param receive: called with the records of each poll that are away from the host
        """
        if not self._hosts or self._as_of is None or self._as_of_with_margin is None:
            self._as_of = self._as_of_with_margin = clock.moment
        self._as_of = min(self._as_of, clock.moment)
        self._as_of_with_margin = min(self._as_of_with_margin, clock.moment)
        self._clock = clock
        self._hosts[host] = receive

    def unfollow(self, host: str) -> None:
        """Poll them no more."""
        self._hosts.pop(host, None)

    @contextlib.contextmanager
    def polled(self, interval: float) -> Iterator[None]:
        """Have the hosts polled until the block ends, by a green thread for all that wait.

        :param interval: seconds from one poll to the next, at most
        """
        self._waiting += 1
        if not self.is_polling:
            self.is_polling, self.failure = True, None
            concurrency.spawn(self._poll_repeatedly, interval)
        try:
            yield
        finally:
            self._waiting -= 1

    def poll(self, interval: float) -> None:
        """Poll now.

        :param interval: seconds from one poll to the next, at most
        """
        self._polled_at = time.monotonic()
        self._poll(interval)
        self._pace.note(time.monotonic() - self._polled_at, interval)

    def _poll_repeatedly(self, interval: float) -> None:
        try:
            while self._waiting:
                self._pace.wait(self._polled_at, interval)
                if self._waiting:
                    self.poll(interval)
        except Exception as error:  # noqa: BLE001 - raised by all that wait
            self.failure = error
        finally:
            self.is_polling = False

    def _poll(self, interval: float) -> None:
        if self._clock is None or self._as_of is None or self._as_of_with_margin is None:
            return
        now = self._clock.carry_to(clocks.steady())
        has_margin = self._polled_at - self._margin_at >= _MARGIN_EVERY * interval
        since = self._as_of_with_margin - CLOCK_MARGIN if has_margin else self._as_of
        try:
            records = self._list(since)
        except exceptions.NovaError as error:
            self.answered_at = 0.0
            self._outage.begin(error)
            return
        self.answered_at = self._polled_at
        self._outage.end()
        self._as_of = now
        if has_margin:
            self._as_of_with_margin, self._margin_at = now, self._polled_at
        self._hand_out(records)

    def _hand_out(self, records: list[Migration]) -> None:
        by_host = collections.defaultdict(list)
        for record in records:
            by_host[record.source_host].append(record)
        for host, receive in [*self._hosts.items()]:
            if host in by_host:
                receive(by_host[host])

    def _list(self, since: datetime.datetime) -> list[Migration]:
        only = next(iter(self._hosts)) if len(self._hosts) == 1 else None
        return self._migrations.list_evacuations(only, since=since)
