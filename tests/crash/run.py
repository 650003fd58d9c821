"""One run: a host fails, engines are started and killed one after the other, the last one ends it."""

import dataclasses
import pathlib
import signal
import sqlite3
import time

from tests.crash import journal, oracle, settings
from tests.crash.cloud import CrashCloud
from tests.crash.engines import EngineProcess, Zygote
from tests.crash.points import Kill, Kind, Spec

LIMIT = 60.0
"""Seconds that a run may take before it counts as one that does not end."""
LOOK_INTERVAL = 0.01
_TAIL = 60


@dataclasses.dataclass
class Outcome:
    """What came of a run.

    :ivar struck: how many of the spec's kills came to be; the others were not reached before the end
    :ivar counts: how many events of a kind the last engine's life had
    :ivar log: the end of the engines' log, where something is wrong
    """

    spec: Spec
    struck: int = 0
    counts: dict[Kind, int] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    violations: list[str] = dataclasses.field(default_factory=list)
    log: str = ""


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
        self.outcome = Outcome(spec)
        if not spec.is_first_start:
            journal.copy(template, directory)

    def go(self) -> Outcome:
        """Kill the engines where the spec says so, and judge the end."""
        begun = time.monotonic()
        self._deadline = begun + self._limit
        outcome = self.outcome
        with self._cloud.serving():
            self._run_engines()
            if outcome.struck or not outcome.spec.is_first_start:
                self._judge()
        outcome.seconds = time.monotonic() - begun
        if outcome.violations and self._log.exists():
            outcome.log = "\n".join(self._log.read_text().splitlines()[-_TAIL:])
        return outcome

    def _judge(self) -> None:
        end, moves = journal.read_end(self._directory), journal.read_moves(self._directory)
        self.outcome.violations += oracle.judge_cloud(self._cloud) + oracle.judge_journal(end, moves)
        trap, writes = self._cloud.trap, journal.count_writes(self._directory) - self._written
        self.outcome.counts = {
            Kind.NOVA_BEFORE: trap.requests,
            Kind.NOVA_AFTER: trap.changes,
            Kind.NOVA_LATE: trap.evacuations,
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
        return self._zygote.start(
            self._log,
            ["--config-file", str(self._settings)],
            dataclasses.asdict(kill) if kill else None,
            self.outcome.spec.mistake,
        )

    def _watch(self, engine: EngineProcess, kill: Kill | None) -> bool:
        """Wait until the engine crashes or the recovery is over; tells whether it crashed."""
        begun = time.monotonic()
        try:
            while not engine.has_ended:
                now = time.monotonic()
                if now > self._deadline:
                    self.outcome.violations.append(f"did not end within {self._limit:g} s")
                    return False
                if self._is_over():
                    return False
                if kill and kill.kind is Kind.MOMENT and now - begun > kill.at / 1000:
                    engine.kill()
                time.sleep(LOOK_INTERVAL)
        finally:
            self._end(engine)
        return self._is_by_kill(engine, kill)

    def _is_by_kill(self, engine: EngineProcess, kill: Kill | None) -> bool:
        if kill and engine.status == -signal.SIGKILL:
            return True
        self.outcome.violations.append(f"the engine ended by itself, with status {engine.status}")
        return False

    def _end(self, engine: EngineProcess) -> None:
        while not engine.has_ended:
            engine.kill()
            time.sleep(LOOK_INTERVAL)

    def _is_over(self) -> bool:
        """Tell whether the notification has ended and this engine has had its first talk with Nova."""
        if self._cloud.trap.requests < 2:
            return False
        try:
            return journal.is_over(self._directory, bool(self._cloud.failing))
        except sqlite3.OperationalError:  # it is being written
            return False

    @property
    def _log(self) -> pathlib.Path:
        return self._directory / "engine.log"
