"""One round: six hosts fail, three engines recover them and are killed and frozen meanwhile."""

import collections
import contextlib
import dataclasses
import pathlib
import random
import time

from masakari_lite import concurrency, exceptions
from masakari_lite.journal.store import Journal
from tests.harness import oracle, outcome
from tests.harness.forks import Zygote
from tests.harness.monitor import Monitor
from tests.harness.oracle import Invariant, Violation
from tests.several import ownership
from tests.several.chaos import Chaos
from tests.several.crew import Member
from tests.several.servers import Servers
from tests.several.settings import Settings
from tests.several.site import Site
from tests.several.stage import staged

LIMIT = 90.0
"""Seconds until all has ended; longer is a violation."""
CHAOS_LIMIT = 12.0
"""Seconds after which nobody is killed or frozen any more."""
_AFTERMATH = 1.5
"""Seconds in which whoever was frozen to the end may still do harm."""
_STOP_LIMIT = 20.0
_TAIL = 150


@dataclasses.dataclass(kw_only=True)
class Outcome(outcome.Outcome):
    """What came of a round.

    :ivar counts: how often what was done to an engine
    :ivar takeovers: how many hosts were finished by another process than began them
    """

    seed: int
    counts: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    takeovers: int = 0


class Round:
    """Everything of one round."""

    def __init__(
        self,
        seed: int,
        settings: Settings,
        site: Site,
        crew: list[Member],
        limit: float,
    ) -> None:
        """Prepare it.

        :param limit: seconds that it may take
        """
        self.outcome = Outcome(seed=seed)
        self._seed = seed
        self._limit = limit
        self._settings = settings
        self._site = site
        self._crew = crew
        self._chaos = Chaos(seed, settings.lease)

    def go(self) -> Outcome:
        """Let hosts fail, recover them, and judge the end."""
        begun = time.monotonic()
        with contextlib.closing(Journal(self._settings.load())) as journal:
            self._play(journal, begun + self._limit)
            self._judge(journal)
        self.outcome.seconds = time.monotonic() - begun
        if self.outcome.violations:
            self.outcome.log = "\n".join(_read_tail(member) for member in self._crew)
        return self.outcome

    def _play(self, journal: Journal, deadline: float) -> None:
        for member in self._crew:
            member.start()
        monitor = Monitor(self._settings.load())
        telling = [
            concurrency.spawn(self._fail, host, number, monitor)
            for number, host in enumerate(self._site.failing)
        ]
        troubles = [concurrency.spawn(self._chaos.trouble, member) for member in self._crew]
        self._wait_for_end(journal, deadline)
        self._chaos.stop()
        for thread in troubles:
            thread.wait()
        for thread in telling:
            if self.outcome.violations:
                thread.kill()
            else:
                thread.wait()  # until each is answered
        monitor.close()
        time.sleep(_AFTERMATH)
        self._stop_all()

    def _wait_for_end(self, journal: Journal, deadline: float) -> None:
        calm_from = time.monotonic() + CHAOS_LIMIT
        while not self._is_over(journal):
            if time.monotonic() > calm_from:
                self._chaos.stop()
            if time.monotonic() > deadline:
                what = f"not over within {self._limit:g} s"
                self.outcome.violations.append(
                    Violation(Invariant.COMES_TO_AN_END, f"round {self._seed}", what)
                )
                return
            time.sleep(0.1)

    def _fail(self, host: str, number: int, monitor: Monitor) -> None:
        chance = random.Random(f"failure {self._seed} {number}")
        time.sleep(chance.uniform(0, 3))
        self._site.cloud.fail_host(host)
        time.sleep(chance.uniform(0, 0.5))
        monitor.notify(host)

    def _is_over(self, journal: Journal) -> bool:
        try:
            notifications = journal.notifications.list_by()
        except exceptions.JournalError:  # SQLite, while an engine is frozen in mid-write
            return False
        ended = [notification for notification in notifications if notification.status.is_final]
        return len(ended) >= len(self._site.failing)

    def _stop_all(self) -> None:
        ending = [concurrency.spawn(member.terminate, _STOP_LIMIT) for member in self._crew]
        self.outcome.violations += [wrong for thread in ending if (wrong := thread.wait())]

    def _judge(self, journal: Journal) -> None:
        found = self.outcome
        found.counts = self._chaos.counts
        found.violations += self._chaos.violations
        found.violations += oracle.judge_cloud(self._site)
        found.violations += oracle.judge_journal(journal, self._site)
        found.violations += ownership.judge_requests(self._site, self._crew)
        users: dict[str, set[str | None]] = collections.defaultdict(set)
        for record in self._site.list_changes():
            users[self._site.sources[record.uuid or ""]].add(record.user)
        found.takeovers = sum(len(of_host) - 1 for of_host in users.values())


def play(
    seed: int,
    servers: Servers,
    zygote: Zygote,
    directory: pathlib.Path,
    limit: float = LIMIT,
    mistake: str | None = None,
) -> Outcome:
    """Play the round of a seed, and take away all that it has made.

    :param directory: an empty one, for this round alone
    :param mistake: what is wrong with the engines (see sabotage.py)
    """
    chance = random.Random(f"options {seed}")
    with staged(
        Site(seed),
        servers,
        zygote,
        directory,
        host_failure_recovery_threads=chance.choice([1, 2, 3]),
        host_failure__force_down=chance.choice([True, False]),
    ) as stage:
        for member in stage.crew:
            member.order = {"mistake": mistake}
        return Round(seed, stage.settings, stage.site, stage.crew, limit).go()


def _read_tail(member: Member) -> str:
    return f"--- {member.name}\n{outcome.tail(member.read_log(), _TAIL)}"
