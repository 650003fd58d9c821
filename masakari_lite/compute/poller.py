"""Asking Nova how a failed host's instances are, once an interval for all green threads that wait."""

import contextlib
import datetime
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from masakari_lite import clocks, exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.compute.snapshot import HostSnapshot
from masakari_lite.models import Instance, Migration

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# the clocks of Nova's own servers may differ by so much before a change is missed in a changes-since list;
# with more of it they would take each other's services for down
_CLOCK_MARGIN = datetime.timedelta(minutes=1)


class HostPoller:
    """Keeps one snapshot of the host's instances and their evacuation records for all green threads.

    Every waiting green thread calls ``wait_for()``. The first one polls when that is due, the others wait for
    it: one request, for the evacuation records of the host that changed since the last poll. An instance is
    asked for by itself, where its record does not say enough. So nothing that a recovery asks for grows with
    the cloud. A poll that is not answered leaves the snapshot as it was. How soon the next one is due depends
    on how quickly Nova answers.
    """

    def __init__(self, nova: NovaAPI, host: str, interval: float) -> None:
        """Start with an empty snapshot.

        :param interval: seconds between two polls, at most
        """
        self._nova = nova
        self._host = host
        self._interval = interval
        self._polling = threading.Lock()  # held by the one that polls, and waits for its turn to do so
        self._listing = threading.Lock()  # held by the one that lists what has changed
        self._snapshot = HostSnapshot()
        self._polled_at = 0.0
        self._fetched_at: dict[str, float] = {}  # when each instance was asked for last
        self._changed_at: dict[str, float] = {}  # when each was last listed among those that have changed
        self._changes_at = 0.0  # when that list was asked for last
        self._changes_as_of: datetime.datetime | None = None  # by Nova's clock
        self._clock: clocks.Reading | None = None  # Nova's
        self._evacuations_as_of: datetime.datetime | None = None  # by Nova's clock
        self._unanswered: set[str] = set()  # what Nova did not tell the last time
        self.doubt = ""
        """Why nobody can tell whether all instances of the host were listed; empty when they were."""

    def open(self) -> list[Instance]:
        """Take the first snapshot: all instances of the host and all evacuations away from it.

        :returns: the instances that Nova lists on the host
        """
        self._clock = self._nova.services.read_clock()
        self._add_evacuations(self._nova.migrations.list_evacuations(self._host))
        self._evacuations_as_of = self._changes_as_of = self._clock.moment
        self._polled_at = self._changes_at = asked_at = time.monotonic()
        self.doubt = ""
        instances = self._nova.host_servers.list_all(self._host, self._note_doubt)
        self._add_instances({instance.uuid: instance for instance in instances}, asked_at)
        return instances

    def get_evacuation(self, instance_uuid: str, after: int = 0) -> Migration | None:
        """Return the newest evacuation record of an instance in the snapshot.

        :param after: only one with an id above this; ids of one instance grow, it lives in one cell
        """
        found = self._snapshot.evacuations.get(instance_uuid)
        return found if found and found.id > after else None

    def get_instance(self, uuid: str, since: float = 0.0) -> Instance | None:
        """Return an instance as it was at most one interval ago; None when it was deleted.

        :param since: and not before that, by ``time.monotonic()``
        :raises NovaError: when Nova does not answer; ask again after the next poll
        """
        asked_at = self._fetched_at.get(uuid, -math.inf)
        if asked_at >= max(since, time.monotonic() - self._interval):
            return self._snapshot.instances[uuid]
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
        known = self._snapshot.instances.get(uuid)
        is_changed = self._fetched_at.get(uuid, -math.inf) < self._changed_at.get(uuid, -math.inf)
        return self.fetch_instance(uuid) if known is None or is_changed else known

    def list_arrived(self, host: str, since: float) -> dict[str, Instance]:
        """List the instances that have arrived on another host, by uuid, and whatever else has changed there.

        Where the clocks of Nova's servers differ some may be left out.

        :param since: by ``time.monotonic()``
        """
        now = self._read_clock()
        if now is None:
            return {}
        moment = now - datetime.timedelta(seconds=time.monotonic() - since)
        return {instance.uuid: instance for instance in self._nova.servers.list_arrived(host, moment)}

    def fetch_instance(self, uuid: str) -> Instance | None:
        """Ask for one instance now, where the snapshot may be too old; None when it was deleted."""
        asked_at = time.monotonic()
        found: Instance | None = None
        with contextlib.suppress(exceptions.InstanceNotFound):
            instance = self._nova.servers.get(uuid)
            found = None if instance.is_deleted else instance
        self._add_instances({uuid: found}, asked_at)
        self._unanswered.discard("instances")
        return found

    def fetch_evacuations(self, uuid: str) -> list[Migration]:
        """Ask for all evacuation records of one instance now.

        A record that was never updated has no ``updated_at``, and a list with changes-since lacks it.
        """
        found = self._nova.migrations.list_evacuations_of(uuid, self._host)
        self._add_evacuations(found)
        return found

    def wait_for(self, check: Callable[[], T | None], timeout: float, what: str) -> T:
        """Wait until ``check`` gives an answer, calling it again after each poll.

        :param check: reads the snapshot by ``get_evacuation()`` and ``get_instance()``
        :param timeout: the longest to wait, in seconds
        :param what: is waited for, in words, for the error
        :raises WaitTimeout: when the time has passed
        :raises ClaimLost: when another engine may resume the recovery of the host
        """
        waited = 0.0
        generation = self._snapshot.generation
        while True:
            asked_at = time.monotonic()
            generation = self._poll_after(generation)
            self._nova.client.check_guard()  # who may not act any more need not wait either
            answer: T | None = None
            try:
                answer = check()
                is_answered = "evacuations" not in self._unanswered
            except exceptions.NovaError as error:
                self._note_unanswered("instances", error)
                is_answered = False
            if answer is not None:
                return answer
            # time in which Nova did not answer must not count as time in which nothing happened
            waited += min(time.monotonic() - asked_at, 2 * self._interval)
            if waited >= timeout and is_answered and self._has_cell_answered():
                raise exceptions.WaitTimeout(f"{what}: not within {timeout:g} s")

    def _poll_after(self, generation: int) -> int:
        """Return the generation of a snapshot newer than that one; poll when that is due."""
        with self._polling:
            if self._snapshot.generation == generation:
                pace = self._nova.client.pace
                pace.wait(self._polled_at, self._interval)
                self._polled_at = time.monotonic()
                self._poll()
                pace.note(time.monotonic() - self._polled_at, self._interval)
                self._snapshot = self._snapshot.with_next_generation()
            return self._snapshot.generation

    def _poll(self) -> None:
        since, now = None, self._read_clock()
        if now and self._evacuations_as_of:
            since = self._evacuations_as_of - _CLOCK_MARGIN
        try:
            self._add_evacuations(self._nova.migrations.list_evacuations(self._host, since=since))
            self._evacuations_as_of = now
            self._unanswered.discard("evacuations")
        except exceptions.NovaError as error:
            self._note_unanswered("evacuations", error)

    def _list_changes(self) -> None:
        asked_at, now = time.monotonic(), self._read_clock()
        if now is None or self._changes_as_of is None:
            return
        changed = self._nova.servers.list_changed(self._host, self._changes_as_of - _CLOCK_MARGIN)
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
            self._note_unanswered("evacuations", error)
            return False
        return True

    def _note_unanswered(self, what: str, error: exceptions.NovaError) -> None:
        """Log it once: an evacuation of which nothing is known has not failed."""
        if what not in self._unanswered:
            LOG.warning("The %s of host %s cannot be polled, polling again: %s", what, self._host, error)
        self._unanswered.add(what)

    def _note_doubt(self, doubt: str) -> None:
        LOG.warning("%s", doubt)
        self.doubt = doubt

    def _add_evacuations(self, records: list[Migration]) -> None:
        self._snapshot = self._snapshot.with_evacuations(records)

    def _add_instances(self, instances: Mapping[str, Instance | None], asked_at: float) -> None:
        self._snapshot = self._snapshot.with_instances(instances)
        self._fetched_at |= dict.fromkeys(instances, asked_at)
