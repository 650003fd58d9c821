"""A campaign: runs until so many kill points have been tried, told as it goes."""

import itertools
import time
from collections.abc import Iterable, Iterator

from tests.crash.lanes import Lanes
from tests.crash.plans import Planner
from tests.crash.points import MICROVERSIONS, Spec
from tests.crash.run import Outcome

PLANS = ("once", "twice", "drawn")
_EVERY = 50


class Campaign:
    """Runs specs and keeps count.

    :ivar points: kill points tried: an engine's process was killed there
    :ivar missed: those that were not reached, because the recovery was over before its n-th event
    :ivar violations: the runs after which something was wrong
    """

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self._begun = time.monotonic()
        self.runs = self.points = self.missed = 0
        self.violations: list[Outcome] = []

    def measure(self, seed: int) -> Planner:
        """Count what a recovery without a crash asks and writes."""
        dry = [Spec(0, (), microversion) for microversion in MICROVERSIONS * 2]
        found = [outcome.counts for outcome in self.run(dry)]
        counts = {kind: max(counts.get(kind, 0) for counts in found) for kind in found[0]}
        print("a recovery has", ", ".join(f"{kind}: {count}" for kind, count in counts.items()))
        return Planner(seed, counts)

    def carry_out(self, planner: Planner, plans: Iterable[str], points: int) -> None:
        """Run the plans; the drawn one ends when so many of its points have been tried."""
        for plan in plans:
            specs = getattr(planner, plan)()
            if plan == "drawn":
                wanted = self.points + points
                specs = itertools.takewhile(lambda _spec, wanted=wanted: self.points < wanted, specs)
            for _ in self.run(specs):
                pass
            self.tell(f"after plan {plan!r}: ")

    def run(self, specs: Iterable[Spec]) -> Iterator[Outcome]:
        """Run specs, and print what goes wrong at once."""
        for outcome in self._lanes.run(specs):
            self.runs += 1
            self.points += outcome.struck
            self.missed += len(outcome.spec.kills) - outcome.struck
            if outcome.violations:
                self.violations.append(outcome)
                print(describe(outcome), flush=True)
            if self.runs % _EVERY == 0:
                self.tell()
            yield outcome

    def tell(self, prefix: str = "") -> None:
        """Print how far it is."""
        seconds = time.monotonic() - self._begun
        print(
            f"{prefix}{self.runs} runs in {seconds:.0f} s: {self.points} kill points, {self.missed} not "
            f"reached, {len(self.violations)} violations",
            flush=True,
        )


def describe(outcome: Outcome) -> str:
    """Write what is wrong after a run, and how to see it again."""
    subject = f"after {outcome.spec} ({outcome.struck} of its kills struck)"
    return outcome.describe(subject, f"python -m tests.crash --times 10 --only {outcome.spec}")
