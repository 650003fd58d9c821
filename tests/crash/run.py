"""One run: a host fails, engines are started and killed one after the other, the last one ends it."""

import dataclasses
import pathlib
import signal
import sqlite3
import time

from tests.crash import journal, settings
from tests.crash.cloud import CrashCloud
from tests.crash.points import Kill, Kind, Spec
from tests.harness import oracle, outcome
from tests.harness.forks import EngineProcess, Zygote
from tests.harness.oracle import Invariant, Violation

LIMIT = 60.0
"""Seconds that a run may take before it counts as one that does not end."""
LOOK_INTERVAL = 0.01
_TAIL = 60


@dataclasses.dataclass(kw_only=True)
class Outcome(outcome.Outcome):
    """What came of a run.

    :ivar struck: how many of the spec's kills came to be; the others were not reached before the end
    :ivar counts: how many events of a kind the last engine's life had
    """

    spec: Spec
    struck: int = 0
    counts: dict[Kind, int] = dataclasses.field(default_factory=dict)


class Run:
    """A cloud, a journal and a directory for a spec."""

    def __init__(
        self,
        spec: Spec,
        zygote: Zygote,
        directory: pathlib.Path,
        template: pathlib.Path,
        limit: float = LIMIT,
    ) -> None:
        """Prepare it.

        :param directory: an empty one, for this run alone
        :param template: the journal that it begins with
        :param limit: seconds that it may take
        """
        self._limit = limit
        self._zygote = zygote
        self._directory = directory
        self._cloud = CrashCloud(spec.seed, spec.microversion)
        self._deadline = 0.0
        self._written = 0
        self._settings = settings.write(directory, self._cloud.auth_url, spec.seed)
        self.outcome = Outcome(spec=spec)
        if not spec.is_first_start:
            journal.copy(template, directory)

    def go(self) -> Outcome:
        """Kill the engines where the spec says so, and judge the end."""
        begun = time.monotonic()
        self._deadline = begun + self._limit
        found = self.outcome
        with self._cloud.serving():
            self._run_engines()
            if found.struck or not found.spec.is_first_start:
                self._judge()
        found.seconds = time.monotonic() - begun
        if found.violations and self._log.exists():
            found.log = outcome.tail(self._log.read_text(), _TAIL)
        return found

    def _judge(self) -> None:
        trap, writes = self._cloud.trap, journal.count_writes(self._directory) - self._written
        self.outcome.violations += oracle.judge_cloud(self._cloud)
        with journal.opened(self._directory) as opened:
            self.outcome.violations += oracle.judge_journal(opened, self._cloud)
        self.outcome.counts = {
            Kind.NOVA_BEFORE: trap.requests,
            Kind.NOVA_AFTER: trap.changes,
            Kind.NOVA_LATE: trap.late_ones,
            Kind.JOURNAL_BEFORE: writes,
            Kind.JOURNAL_AFTER: writes,
        }

    def _run_engines(self) -> None:
        spec = self.outcome.spec
        for kill in (*spec.kills, None):
            self._cloud.trap.arm(kill)
            self._written = 0 if spec.is_first_start else journal.count_writes(self._directory)
            engine = self._start(kill)
            self._cloud.trap.engine = engine
            has_crashed = self._watch(engine, kill)
            if not has_crashed:
                return
            self.outcome.struck += 1
            if kill and kill.kind is Kind.SCHEMA:
                journal.make(self._directory)

    def _start(self, kill: Kill | None) -> EngineProcess:
        trap = None
        if kill and (moment := kill.kind.tripwire):
            trap = {"moment": moment, "at": kill.at, "signal": signal.SIGKILL}
        arguments = ("--config-file", str(self._settings))
        count = str(journal.find_count(self._directory))
        mistake = self.outcome.spec.mistake
        return self._zygote.start(self._log, *arguments, trap=trap, count=count, mistake=mistake)

    def _watch(self, engine: EngineProcess, kill: Kill | None) -> bool:
        """Wait until the engine crashes or the recovery is over; tells whether it crashed."""
        begun = time.monotonic()
        try:
            while not engine.has_ended:
                now = time.monotonic()
                if now > self._deadline:
                    self._note(f"did not end within {self._limit:g} s")
                    return False
                if self._is_over():
                    return False
                if kill and kill.kind is Kind.MOMENT and now - begun > kill.at / 1000:
                    engine.kill()
                time.sleep(LOOK_INTERVAL)
        finally:
            engine.kill()
        return self._is_by_kill(engine, kill)

    def _is_by_kill(self, engine: EngineProcess, kill: Kill | None) -> bool:
        if kill and engine.status == -signal.SIGKILL:
            return True
        self._note(f"the engine ended by itself, with status {engine.status}")
        return False

    def _note(self, what: str) -> None:
        self.outcome.violations.append(Violation(Invariant.COMES_TO_AN_END, str(self.outcome.spec), what))

    def _is_over(self) -> bool:
        """Tell whether the notification has ended and this engine has had its first talk with Nova."""
        if self._cloud.trap.requests < 2:
            return False
        try:
            return journal.is_over(
                self._directory, bool(self._cloud.failures), self._cloud.trap.has_locked_late
            )
        except sqlite3.OperationalError:  # it is being written
            return False

    @property
    def _log(self) -> pathlib.Path:
        return self._directory / "engine.log"
