"""Let several engines recover failed hosts while they are killed and frozen: python -m tests.several.

Exit status: 0 when nothing was lost, done twice or left locked, 1 when something was, 2 when a server that is
needed does not answer.
"""

import argparse
import collections
import pathlib
import random
import sys
import tempfile
import time
from collections.abc import Sequence

from masakari_lite import concurrency
from tests.harness.forks import Zygote
from tests.harness.inside.sabotage import MISTAKES
from tests.several.round import LIMIT, Outcome, play
from tests.several.servers import ServerMissing, Servers, find


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.several", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=50, help="how many rounds (%(default)s)")
    add("--seed", type=int, help="what their seeds are drawn from; a new one each time by default")
    add("--only", type=int, action="append", help="only the round of this seed; may be repeated")
    add("--limit", type=float, default=LIMIT, help="seconds that a round may take (%(default)g)")
    add("--mistake", choices=sorted(MISTAKES), help="break the engines, to see that it is found out")
    add("--lanes", type=int, default=2, help="so many rounds at once (%(default)s)")
    add("--keep", type=pathlib.Path, help="keep the engines' logs in this directory")
    return parser.parse_args(arguments)


def main() -> int:
    """Run the rounds; returns the exit status."""
    options = parse()
    try:
        servers = find()
    except ServerMissing as error:
        print(error, file=sys.stderr)
        return 2
    print(f"on {servers}", flush=True)
    begun = time.monotonic()
    with Zygote() as zygote:
        outcomes = list(
            concurrency.run_all(
                lambda seed: run(seed, servers, zygote, options), draw(options), options.lanes
            )
        )
    for outcome in outcomes:
        if outcome.error:
            raise outcome.error
    tell([outcome.result for outcome in outcomes if outcome.result], time.monotonic() - begun)
    return 1 if any(outcome.result and outcome.result.violations for outcome in outcomes) else 0


def draw(options: argparse.Namespace) -> list[int]:
    """Draw the rounds' seeds."""
    if options.only:
        return list(options.only)
    seed = random.randrange(2**31) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    return [chance.randrange(2**31) for _ in range(options.rounds)]


def run(seed: int, servers: Servers, zygote: Zygote, options: argparse.Namespace) -> Outcome:
    """Run one round, and print what came of it."""
    with tempfile.TemporaryDirectory(prefix="masakari-lite-several-") as name:
        directory = pathlib.Path(name)
        if options.keep:
            directory = options.keep / str(seed)
            directory.mkdir(parents=True)
        outcome = play(seed, servers, zygote, directory, options.limit, options.mistake)
    done = ", ".join(f"{count} {what}" for what, count in sorted(outcome.counts.items()))
    print(
        f"round {seed}: {outcome.seconds:.1f} s, {done or 'nothing done'}, {outcome.takeovers} take-overs, "
        f"{len(outcome.violations)} violations",
        flush=True,
    )
    if outcome.violations:
        print(describe(outcome, options.mistake), flush=True)
    return outcome


def describe(outcome: Outcome, mistake: str | None) -> str:
    """Write what is wrong after a round, and how to see it again."""
    again = f"python -m tests.several --only {outcome.seed}" + (f" --mistake {mistake}" if mistake else "")
    return outcome.describe(f"in round {outcome.seed}", again)


def tell(outcomes: list[Outcome], total: float) -> None:
    """Print the sum."""
    counts: collections.Counter[str] = collections.Counter()
    for outcome in outcomes:
        counts += outcome.counts
    seconds = [outcome.seconds for outcome in outcomes]
    print(
        f"{len(outcomes)} rounds in {total:.0f} s ({max(seconds):.1f} s the longest): "
        f"{', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}; "
        f"{sum(outcome.takeovers for outcome in outcomes)} take-overs, "
        f"{sum(bool(outcome.violations) for outcome in outcomes)} rounds with violations",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
