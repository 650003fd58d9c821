"""What happens to the engines while they work: drawn from a seed, for each engine by itself."""

import collections
import random
import time

from tests.harness.oracle import Violation
from tests.several.crew import Member

ACTIONS = ("kill", "freeze", "freeze", "freeze and kill", "terminate")
_STOP_LIMIT = 15.0


class Chaos:
    """Kills and freezes until it is told to stop, then leaves every engine running.

    :ivar counts: how often it did what
    :ivar violations: what went wrong with an orderly end
    """

    def __init__(self, seed: int, lease: float) -> None:
        self._seed = seed
        self._lease = lease
        self._is_over = False
        self.counts: collections.Counter[str] = collections.Counter()
        self.violations: list[Violation] = []

    def stop(self) -> None:
        """Begin nothing new."""
        self._is_over = True

    def trouble(self, member: Member) -> None:
        """Do one thing after the other to an engine; returns after stop()."""
        chance = random.Random(f"chaos {self._seed} {member.name}")
        while True:
            self._wait(chance.uniform(0.2, 1.5 * self._lease))
            if self._is_over:
                return
            action = chance.choice(ACTIONS)
            self.counts[action] += 1
            self._do(action, member, chance)

    def _do(self, action: str, member: Member, chance: random.Random) -> None:
        pause = chance.uniform(0, 1.5) * self._lease
        if action.startswith("freeze"):
            member.freeze(chance.uniform(0.2, 2.5) * self._lease)
        if action.endswith("kill"):
            member.kill()
        if action == "terminate" and (wrong := member.terminate(_STOP_LIMIT)):
            self.violations.append(wrong)
        if action != "freeze":
            self._wait(pause)
            member.start()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._is_over:
            time.sleep(0.05)
