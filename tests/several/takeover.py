"""Measure how long it takes until another engine goes on: python -m tests.several.takeover --lease 2."""

import argparse
import contextlib
import pathlib
import random
import statistics
import sys
import tempfile
import time

from masakari_lite import polling
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification
from tests.harness import oracle
from tests.harness.forks import Zygote
from tests.harness.monitor import Monitor
from tests.several.crew import Member
from tests.several.servers import ServerMissing, Servers, find
from tests.several.site import FAILING, Site
from tests.several.stage import LEASE, Stage, staged

_LIMIT = 60
_LOOK_INTERVAL = 0.02


def measure(servers: Servers, zygote: Zygote, lease: int, seed: int) -> float:
    """Kill the engine that recovers a host, somewhere on the way; see that all ends well.

    :returns: seconds from its death until the journal names another
    """
    chance = random.Random(f"takeover {seed}")
    site = Site(seed, FAILING[:1], evacuation_latency=0.6, service_down_time=0.0)
    with (
        tempfile.TemporaryDirectory(prefix="masakari-lite-takeover-") as directory,
        # slowly, so that there is something left to do
        staged(
            site, servers, zygote, pathlib.Path(directory), lease, host_failure_recovery_threads=1
        ) as stage,
        contextlib.closing(Journal(stage.settings.load())) as journal,
    ):
        for member in stage.crew:
            member.start()
        begin(stage)
        polling.wait_until(site.list_changes, 0.005, _LIMIT, "the first change")
        time.sleep(chance.uniform(0, 1.5))
        owner = _read(journal).owner
        victim = _find(stage, owner)
        victim.kill()
        begun = time.monotonic()
        polling.wait_until(
            lambda: _read(journal).owner != owner, _LOOK_INTERVAL, _LIMIT, f"a successor of {owner}"
        )
        seconds = time.monotonic() - begun
        polling.wait_until(lambda: _read(journal).status.is_final, 0.1, _LIMIT, "the end")
        wrong = oracle.judge_cloud(site) + oracle.judge_journal(journal, site)
        if wrong:
            raise AssertionError("\n".join([*map(str, wrong), *(member.read_log() for member in stage.crew)]))
    return seconds


def begin(stage: Stage) -> None:
    """Let the host fail, and tell the engines."""
    (host,) = stage.site.failing
    stage.site.cloud.fail_host(host)
    with contextlib.closing(Monitor(stage.settings.load())) as monitor:
        monitor.notify(host)


def _read(journal: Journal) -> Notification:
    (notification,) = journal.notifications.list_by()
    return notification


def _find(stage: Stage, owner: str | None) -> Member:
    name = str(owner).partition(":")[0]
    return next(member for member in stage.crew if member.name == name)


def main() -> int:
    """Measure again and again; returns the exit status: 1 when it took longer than two leases."""
    parser = argparse.ArgumentParser(prog="python -m tests.several.takeover", description=__doc__)
    parser.add_argument("--lease", type=int, default=LEASE, help="[coordination] lease_time (%(default)s)")
    parser.add_argument("--times", type=int, default=10, help="how many deaths (%(default)s)")
    options = parser.parse_args()
    try:
        servers = find()
    except ServerMissing as error:
        print(error, file=sys.stderr)
        return 2
    with Zygote() as zygote:
        found = sorted(measure(servers, zygote, options.lease, seed) for seed in range(options.times))
    middle = statistics.median(found)
    print(
        f"on {servers}, lease_time {options.lease} s, {len(found)} deaths: taken over after "
        f"{found[0]:.2f} s at least, {middle:.2f} s in the middle, {found[-1]:.2f} s at most"
    )
    return 1 if found[-1] > 2 * options.lease else 0


if __name__ == "__main__":
    sys.exit(main())
