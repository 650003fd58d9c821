"""What is known of a failed host's instances, for all green threads that recover them."""

import contextlib
import datetime
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

from masakari_lite import clocks, exceptions
from masakari_lite.compute.evacuations import CLOCK_MARGIN
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.compute.pace import SHORTEST
from masakari_lite.models import Instance, Migration
from masakari_lite.outage import OutageReporter

LOG = logging.getLogger(__name__)
T = TypeVar("T")


class HostPoller:
    """Keeps what Nova has shown of one host's instances and their evacuation records, for all green threads.

    A green thread waits in ``wait_for()`` while the evacuation records are polled for all. An instance is
    asked for by itself, where its record does not say enough. So nothing that a recovery asks for grows with
    the cloud. A poll that is not answered leaves what is known as it was.
    """

    def __init__(self, nova: NovaAPI, host: str, interval: float) -> None:
        """Know nothing yet.

        :param interval: seconds between two polls, at most
        """
        self._nova = nova
        self._host = host
        self._interval = interval
        self._listing = threading.Lock()  # held by the one that lists what has changed
        self._evacuations: dict[str, Migration] = {}  # the newest away from the host, by instance uuid
        self._instances: dict[str, Instance | None] = {}  # by uuid; None: deleted
        self._fetched_at: dict[str, float] = {}  # when each instance was asked for last
        self._changed_at: dict[str, float] = {}  # when each was last seen to have changed
        self._news: dict[str, threading.Event] = {}  # by uuid: set when a poll has news of the instance
        self._changes_at = 0.0  # when that list was asked for last
        self._changes_as_of: datetime.datetime | None = None  # by Nova's clock
        self._clock: clocks.Reading | None = None  # Nova's
        self._outage = OutageReporter(
            LOG,
            f"The instances of host {host} cannot be shown",
            f"The instances of host {host} are shown again",
        )
        self.doubt = ""
        """Why nobody can tell whether all instances of the host were listed; empty when they were."""

    def open(self) -> list[Instance]:
        """List all instances of the host and all evacuations away from it; ``close()`` ends what this begins.

        :returns: the instances that Nova lists on the host
        """
        self._clock = self._nova.services.read_clock()
        self._add_evacuations(self._nova.migrations.list_evacuations(self._host))
        self._nova.evacuations.follow(self._host, self._clock, self._add_evacuations)
        self._changes_as_of = self._clock.moment
        self._changes_at = asked_at = time.monotonic()
        self.doubt = ""
        with self._nova.beginning.taken():
            instances = self._nova.host_servers.list_all(self._host, self._note_doubt)
        self._add_instances({instance.uuid: instance for instance in instances}, asked_at)
        return instances

    def close(self) -> None:
        """Poll the host's evacuations no more."""
        self._nova.evacuations.unfollow(self._host)

    def get_evacuation(self, instance_uuid: str, after: int = 0) -> Migration | None:
        """Return the newest evacuation record of an instance, as last polled.

        :param after: only one with an id above this; ids of one instance grow, it lives in one cell
        """
        found = self._evacuations.get(instance_uuid)
        return found if found and found.id > after else None

    def get_instance(self, uuid: str, since: float = 0.0) -> Instance | None:
        """Return an instance as it was at most one interval ago; None when it was deleted.

        :param since: and not before that, by ``time.monotonic()``
        :raises NovaError: when Nova does not answer; ask again after the next poll
        """
        asked_at = self._fetched_at.get(uuid, -math.inf)
        if asked_at >= max(since, time.monotonic() - self._interval):
            return self._instances[uuid]
        return self.fetch_instance(uuid)

    def get_untouched_instance(self, uuid: str) -> Instance | None:
        """Return an instance that no recovery has begun with, as it was at most one interval ago.

        Which of the host's instances have changed is asked once an interval, for all of them; only one that
        has is asked for by itself.

        :returns: None when it was deleted
        :raises NovaError: when Nova does not answer
        """
        with self._listing:
            if time.monotonic() - self._changes_at > self._interval:
                self._list_changes()
        known = self._instances.get(uuid)
        is_changed = self._fetched_at.get(uuid, -math.inf) < self._changed_at.get(uuid, -math.inf)
        return self.fetch_instance(uuid) if known is None or is_changed else known

    def list_arrived(self, hosts: Collection[str], since: float) -> dict[str, Instance]:
        """List the instances that have arrived on other hosts, by uuid, and whatever else has changed there.

        Where the clocks of Nova's servers differ some may be left out.

        :param since: by ``time.monotonic()``
        :raises NovaError: when Nova does not list one of them
        """
        now = self._read_clock()
        if now is None:
            return {}
        moment = now - datetime.timedelta(seconds=time.monotonic() - since)
        return self._nova.arrivals.list_on(hosts, moment, self._interval)

    def fetch_instance(self, uuid: str) -> Instance | None:
        """Ask for one instance now, where what is known may be too old; None when it was deleted."""
        asked_at = time.monotonic()
        found: Instance | None = None
        with contextlib.suppress(exceptions.InstanceNotFound):
            instance = self._nova.servers.get(uuid)
            found = None if instance.is_deleted else instance
        self._add_instances({uuid: found}, asked_at)
        self._outage.end()
        return found

    def fetch_evacuations(self, uuid: str) -> list[Migration]:
        """Ask for all evacuation records of one instance now.

        A record that was never updated has no ``updated_at``, and a list with changes-since lacks it.
        """
        found = self._nova.migrations.list_evacuations_of(uuid, self._host)
        self._add_evacuations(found)
        return found

    def wait_for(self, uuid: str, check: Callable[[], T | None], timeout: float, what: str) -> T:
        """Wait until ``check`` gives an answer.

        It is called at once, and again when a poll has news of the instance, or has had none for an interval.

        :param uuid: of the instance
        :param check: asks ``get_evacuation()`` and ``get_instance()``
        :param timeout: the longest to wait, in seconds
        :param what: is waited for, in words, for the error
        :raises WaitTimeout: when the time has passed
        :raises ClaimLost: when another engine may resume the recovery of the host
        """
        evacuations, news = self._nova.evacuations, threading.Event()
        waited, began = 0.0, time.monotonic()
        with evacuations.polled(self._interval), self._told_by(news, uuid):
            while True:
                asked_at = time.monotonic()
                self._nova.client.check_guard()  # who may not act any more need not wait either
                news.clear()
                answer: T | None = None
                try:
                    answer = check()
                    is_answered = evacuations.answered_at >= began
                except exceptions.NovaError as error:
                    self._outage.begin(error)
                    is_answered = False
                if answer is not None:
                    return answer
                if evacuations.failure:
                    raise evacuations.failure
                if waited >= timeout and is_answered and self._has_cell_answered():
                    raise exceptions.WaitTimeout(f"{what}: not within {timeout:g} s")
                news.wait(min(self._interval, max(SHORTEST, timeout - waited)))
                # time in which Nova did not answer must not count as time in which nothing happened
                waited += min(time.monotonic() - asked_at, 2 * self._interval)

    @contextlib.contextmanager
    def _told_by(self, news: threading.Event, uuid: str) -> Iterator[None]:
        """Have an event set by each poll that has news of an instance, until the block ends."""
        self._news[uuid] = news
        try:
            yield
        finally:
            del self._news[uuid]

    def _list_changes(self) -> None:
        asked_at, now = time.monotonic(), self._read_clock()
        if now is None or self._changes_as_of is None:
            return
        changed = self._nova.servers.list_changed(self._host, self._changes_as_of - CLOCK_MARGIN)
        self._changed_at |= dict.fromkeys(changed, asked_at)
        self._changes_at, self._changes_as_of = asked_at, now

    def _read_clock(self) -> datetime.datetime | None:
        """Return the time at Nova; None before the first list."""
        return self._clock.carry_to(clocks.steady()) if self._clock else None

    def _has_cell_answered(self) -> bool:
        """Return whether what Nova does not show does not exist: it leaves out a cell that is down."""
        try:
            self._nova.services.get(self._host)
        except exceptions.NovaError as error:
            self._outage.begin(error)
            return False
        self._outage.end()
        return True

    def _note_doubt(self, doubt: str) -> None:
        LOG.warning("%s", doubt)
        self.doubt = doubt

    def _add_evacuations(self, records: list[Migration]) -> None:
        # somebody else may have evacuated it: what has left the host is not listed among its changes
        self._changed_at |= dict.fromkeys((record.instance_uuid for record in records), time.monotonic())
        for record in records:
            known = self._evacuations.get(record.instance_uuid)
            if record != known and (known is None or known.id <= record.id):
                self._evacuations[record.instance_uuid] = record
                if news := self._news.get(record.instance_uuid):
                    news.set()

    def _add_instances(self, instances: Mapping[str, Instance | None], asked_at: float) -> None:
        self._instances |= instances
        self._fetched_at |= dict.fromkeys(instances, asked_at)
