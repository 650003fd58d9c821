"""Kill the engine at as many points as wanted: python -m tests.crash --points 3000 --seed 7.

Exit status: 0 when every recovery ended as if there had been no crash, 1 when one did not.
"""

import argparse
import random
import signal
import sys
from collections.abc import Sequence

import greenlet  # type: ignore[import-untyped, unused-ignore]
from eventlet import hubs

from tests.crash.campaign import PLANS, Campaign
from tests.crash.lanes import LANES, Lanes
from tests.crash.points import Spec
from tests.crash.run import LIMIT


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--points", type=int, default=300, help="draw so many points (%(default)s)")
    parser.add_argument("--seed", type=int, help="what they are drawn from; a new one each time by default")
    parser.add_argument(
        "--plan", action="append", choices=PLANS, help="only this; may be repeated; all by default"
    )
    parser.add_argument("--only", action="append", type=Spec.parse, help="only the run of this specification")
    parser.add_argument("--times", type=int, default=1, help="so many times each --only")
    parser.add_argument("--lanes", type=int, default=LANES, help=f"so many runs at once ({LANES})")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds that a run may take ({LIMIT:g})")
    return parser.parse_args(arguments)


def _heed_signals() -> None:
    """Have Ctrl-C and SIGTERM end the main thread, not whichever green thread runs at that moment."""
    main_thread = greenlet.getcurrent()

    def interrupt(_number: int, _frame: object) -> None:
        hubs.get_hub().schedule_call_global(0, main_thread.throw, KeyboardInterrupt)

    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)


def main() -> int:
    """Run the campaign; returns the exit status."""
    options = parse()
    _heed_signals()
    seed = random.randrange(2**31) if options.seed is None else options.seed
    with Lanes(options.lanes, options.limit) as lanes:
        campaign = Campaign(lanes)
        try:
            if options.only:
                list(campaign.run(options.only * options.times))
            else:
                print(f"seed {seed}", flush=True)
                campaign.carry_out(campaign.measure(seed), options.plan or PLANS, options.points)
        except KeyboardInterrupt:
            print("interrupted: ", end="")
            return 130
        finally:
            campaign.tell()
    return 1 if campaign.violations else 0


if __name__ == "__main__":
    sys.exit(main())
