"""The engines of one round: three names, one process after the other for each."""

import itertools
import pathlib
import signal
import time
from typing import Any

from tests.harness.forks import EngineProcess, Zygote
from tests.harness.oracle import Invariant, Violation
from tests.several.settings import Settings
from tests.several.site import Site


class Member:
    """One engine of several: what is killed comes back as another process, with another user at Nova.

    :ivar users: as whom its processes worked, by their pids; ``user`` is that of the last
    :ivar wakings: the pids of those that were frozen, and when, by ``time.time()``, they woke up
    :ivar order: what else its zygote is told at each start
    """

    def __init__(
        self, name: str, zygote: Zygote, settings: Settings, site: Site, directory: pathlib.Path
    ) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self._zygote = zygote
        self._settings = settings
        self._site = site
        self._runs = itertools.count(1)
        self.user = ""
        self.users: dict[int, str] = {}
        self.wakings: list[tuple[int, float]] = []
        self.process: EngineProcess | None = None
        self.order: dict[str, Any] = {}

    def start(self, **order: Any) -> None:
        """Start it, as a process that knows nothing of those before."""
        self.user = self._site.add_user(f"{self.name}.{next(self._runs)}")
        path = self._settings.write(self.name, self.user)
        self.process = self._zygote.start(self.log, "--config-file", str(path), **(self.order | order))
        self.users[self.process.pid] = self.user

    def read_log(self) -> str:
        """Read what its processes have written."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def kill(self) -> None:
        """End it at once."""
        if self.process:
            self.process.kill()

    def freeze(self, seconds: float) -> None:
        """Stop it for so long, then let it go on."""
        assert self.process
        self.process.send(signal.SIGSTOP)
        time.sleep(seconds)
        self.process.send(signal.SIGCONT)
        self.wakings.append((self.process.pid, time.time()))

    def terminate(self, limit: float) -> Violation | None:
        """Ask it to end; returns what is wrong with how it does."""
        assert self.process
        self.process.send(signal.SIGTERM)
        if not self.process.wait(limit):
            self.process.kill()
            return self._complain(f"did not end within {limit:g} s of SIGTERM")
        # by SIGTERM itself: before it was ready to hear of it
        if self.process.status not in (0, -signal.SIGTERM):
            return self._complain(f"ended with status {self.process.status}")
        return None

    def _complain(self, what: str) -> Violation:
        return Violation(Invariant.COMES_TO_AN_END, self.user, what)
