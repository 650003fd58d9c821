"""What Nova says of a failed host's instances, asked once an interval for all that wait."""

import datetime
import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.models import Instance, Migration

LOG = logging.getLogger(__name__)
T = TypeVar("T")

# Nova's clock and ours may differ by this much before a change is missed in a changes-since list
_CLOCK_MARGIN = datetime.timedelta(minutes=1)


class HostWatcher:
    """One picture of the host's instances and their evacuation records, shared by its green threads.

    Every waiting green thread asks ``wait_for()``. Whoever comes first fetches the next picture when
    the interval has passed, the others wait for it: one request an interval (the evacuation records,
    with ``changes-since``), and a second one (the changed instances) only when somebody needs to see an
    instance, as after the end of its evacuation. Unanswered questions leave the picture as it was.
    """

    def __init__(self, nova: NovaAPI, host: str, interval: float) -> None:
        """Start with an empty picture.

        :param interval: seconds between two questions
        """
        self._nova = nova
        self._host = host
        self._interval = interval
        self._turn = threading.Lock()  # held by whoever waits for the next picture and fetches it
        self._instances_lock = threading.Lock()
        self._generation = 0
        self._fetched_at = 0.0
        self._instances_generation = 0
        self._instances_fetched_at = 0.0
        self._instances_as_of = datetime.datetime.now(datetime.UTC)
        self._instances: dict[str, Instance | None] = {}
        self._evacuations: dict[str, Migration] = {}
        self._opened_at = self._instances_as_of - _CLOCK_MARGIN
        self._unseen: set[str] = set()  # what Nova could not be asked about the last time

    def open(self) -> list[Instance]:
        """Take the first picture: all instances of the host and all evacuations away from it.

        :returns: the instances that Nova lists on the host
        """
        now = datetime.datetime.now(datetime.UTC)
        with self._instances_lock:
            self._note_evacuations(self._nova.list_evacuations(self._host))
            instances = self._nova.list_instances(self._host)
            self._note_instances(instances, now, self._generation)
            self._opened_at = now - _CLOCK_MARGIN
            self._fetched_at = time.monotonic()
        return instances

    def get_evacuation(self, instance_uuid: str, after: int = 0) -> Migration | None:
        """Tell the newest evacuation record of an instance, as last seen.

        :param after: only one with an id above this; ids of one instance grow, it lives in one cell
        """
        found = self._evacuations.get(instance_uuid)
        return found if found and found.id > after else None

    def get_instance(self, uuid: str) -> Instance | None:
        """Show an instance as it was at most one interval ago; None when it was deleted."""
        is_recent = time.monotonic() - self._instances_fetched_at <= self._interval
        if is_recent and uuid in self._instances:
            return self._instances[uuid]
        return self.look_again(uuid)

    def wait_for(self, check: Callable[[], T | None], timeout: float, what: str) -> T:
        """Wait until ``check`` gives an answer, asking it again with every new picture.

        :param check: looks at ``get_evacuation()`` and ``see()``
        :param timeout: the longest to wait, in seconds
        :raises WaitTimeout: when the limit has passed
        :raises ClaimLost: when another engine may go on with the host
        """
        waited = 0.0
        generation = self._generation
        while True:
            asked_at = time.monotonic()
            generation = self._next_picture(generation)
            self._nova.check_guard()  # who may not act any more need not wait either
            answer: T | None = None
            try:
                answer = check()
                is_seen = "evacuations" not in self._unseen
            except exceptions.NovaError as error:
                self._complain("instances", error)
                is_seen = False
            if answer is not None:
                return answer
            # time in which Nova did not answer must not count as time in which nothing happened
            waited += min(time.monotonic() - asked_at, 2 * self._interval)
            if waited >= timeout and is_seen:
                raise exceptions.WaitTimeout(f"{what}: not within {timeout:g} s")

    def see(self, uuid: str) -> Instance | None:
        """Show an instance as it is in the current picture; None when it was deleted.

        The first who asks fetches what changed since the last time, for all.

        :raises NovaError: when Nova does not answer; ask again with the next picture
        """
        with self._instances_lock:
            if not self._is_current():
                now, generation = datetime.datetime.now(datetime.UTC), self._generation
                changed = self._nova.list_changed_instances(self._instances_as_of - _CLOCK_MARGIN)
                self._note_instances(changed, now, generation)
                self._unseen.discard("instances")
        return self._instances[uuid] if uuid in self._instances else self.look_again(uuid)

    def look_again(self, uuid: str) -> Instance | None:
        """Ask for one instance now, where its part of the picture seems to be behind."""
        found = self._ask_for(uuid)
        self._instances[uuid] = found
        return found

    def look_for_evacuations(self, uuid: str) -> None:
        """Ask for all evacuation records of one instance now.

        A record that was never updated has no ``updated_at``, and a list with changes-since lacks it.
        """
        self._note_evacuations(
            [
                record
                for record in self._nova.list_migrations_of(uuid)
                if record.type == "evacuation" and record.source_host == self._host
            ]
        )

    def _is_current(self) -> bool:
        return self._instances_generation == self._generation

    def _next_picture(self, seen: int) -> int:
        """Return when there is a picture newer than the one that was seen; fetch it when it is due."""
        with self._turn:
            if self._generation == seen:
                time.sleep(max(0.0, self._fetched_at + self._interval - time.monotonic()))
                self._fetched_at = time.monotonic()
                self._fetch_evacuations()
                self._generation += 1
            return self._generation

    def _fetch_evacuations(self) -> None:
        try:
            self._note_evacuations(self._nova.list_evacuations(self._host, since=self._opened_at))
            self._unseen.discard("evacuations")
        except exceptions.NovaError as error:
            self._complain("evacuations", error)

    def _complain(self, what: str, error: exceptions.NovaError) -> None:
        """Say it once: not to know how an evacuation stands does not mean that it failed."""
        if what not in self._unseen:
            LOG.warning("Cannot see how the %s of %s stand, asking again: %s", what, self._host, error)
        self._unseen.add(what)

    def _note_evacuations(self, migrations: list[Migration]) -> None:
        for migration in migrations:
            known = self._evacuations.get(migration.instance_uuid)
            if known is None or known.id <= migration.id:
                self._evacuations[migration.instance_uuid] = migration

    def _note_instances(self, instances: list[Instance], as_of: datetime.datetime, generation: int) -> None:
        self._instances.update(
            {instance.uuid: None if instance.is_deleted else instance for instance in instances}
        )
        self._instances_as_of = as_of
        self._instances_fetched_at = time.monotonic()
        self._instances_generation = generation

    def _ask_for(self, uuid: str) -> Instance | None:
        try:
            return self._nova.get_instance(uuid)
        except exceptions.InstanceNotFound:
            return None
