"""Listing the instances that have arrived on other hosts, once for all recoveries that ask for them."""

import contextlib
import dataclasses
import datetime
import threading
import time
from collections.abc import Collection

from masakari_lite import concurrency, exceptions
from masakari_lite.compute.pace import Pace
from masakari_lite.compute.servers import Servers
from masakari_lite.models import Instance

_AT_ONCE = 4
"""So many hosts are listed at once."""


@dataclasses.dataclass
class _Round:
    """One list of each host that somebody asks for.

    :ivar hosts: with the time at Nova from which on changes are listed
    """

    hosts: dict[str, datetime.datetime] = dataclasses.field(default_factory=dict)
    found: dict[str, list[Instance]] = dataclasses.field(default_factory=dict)
    errors: dict[str, BaseException] = dataclasses.field(default_factory=dict)
    end: threading.Event = dataclasses.field(default_factory=threading.Event)


class Arrivals:
    """Lists hosts in rounds: who asks while one runs takes part in the next.

    When many hosts fail at once each receives instances of all the others, and every recovery asks for it.
    """

    def __init__(self, servers: Servers, pace: Pace) -> None:
        self._servers = servers
        self._pace = pace
        self._listing = threading.Lock()
        self._listed_at = 0.0
        self._next = _Round()

    def list_on(
        self, hosts: Collection[str], since: datetime.datetime, interval: float
    ) -> dict[str, Instance]:
        """List what has changed on hosts, now or a little later.

        :param since: by Nova's clock (UTC)
        :param interval: seconds from one round to the next, at most
        :returns: by uuid; none that is deleted
        :raises NovaError: when Nova does not list one of them
        """
        taken = self._next
        is_first = not taken.hosts
        taken.hosts |= {host: min(since, taken.hosts.get(host, since)) for host in hosts}
        if is_first:
            self._run(taken, interval)
        else:
            taken.end.wait()
        for host in hosts:
            if host not in taken.found:
                raise taken.errors.get(host) or exceptions.NovaUnavailable(f"{host} was not listed")
        return {instance.uuid: instance for host in hosts for instance in taken.found[host]}

    def _run(self, taken: _Round, interval: float) -> None:
        try:
            with self._listing:
                self._pace.wait(self._listed_at, interval)
                self._next = _Round()
                self._listed_at = time.monotonic()
                self._list(taken)
                self._pace.note(time.monotonic() - self._listed_at, interval)
        finally:
            if taken is self._next:
                self._next = _Round()
            taken.end.set()

    def _list(self, taken: _Round) -> None:
        def list_one(host: str) -> list[Instance]:
            return self._servers.list_arrived(host, taken.hosts[host])

        with contextlib.closing(concurrency.run_all(list_one, sorted(taken.hosts), _AT_ONCE)) as outcomes:
            for outcome in outcomes:
                if outcome.error:
                    taken.errors[outcome.item] = outcome.error
                else:
                    taken.found[outcome.item] = outcome.result or []
