"""What a recovery costs Nova and Keystone, and how many instances move at once."""

import time
from collections.abc import Callable

import pytest

from masakari_lite.simulator import Simulator
from tests.functional.harness import HOST, Site


def test_the_budget_of_a_recovery_is_kept(build_site: Callable[..., Site]) -> None:
    """At most 4 requests an instance plus one an interval for the host, and one token."""
    interval = 0.05
    site = build_site(cloud={"evacuation_latency": 0.15}, verify_interval=interval)
    servers = site.add(36)
    stopped = site.add(9, vm_state="stopped")
    begun = time.monotonic()
    ended = site.recover()
    intervals = (time.monotonic() - begun) / interval
    assert ended["message"] == "45 succeeded"
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(*stopped, vm_state="stopped")
    counts = site.simulator.requests.by_kind("masakari")
    counts.pop("token.create")
    assert sum(counts.values()) <= 4 * 45 + intervals, counts
    assert {
        kind: counts[kind] for kind in ("server.lock", "server.evacuate", "server.unlock")
    } == dict.fromkeys(("server.lock", "server.evacuate", "server.unlock"), 45)
    assert site.cloud.identity.issued["masakari"] == 1


def test_one_token_serves_one_recovery_after_the_other(site: Site) -> None:
    for _ in range(3):
        site.add(2)
        assert site.recover()["status"] == "finished"
    assert site.cloud.identity.issued["masakari"] == 1


@pytest.mark.parametrize(("threads", "count"), [(1, 3), (3, 6), (10, 20)])
def test_no_more_move_at_once_than_there_are_threads(
    build_site: Callable[..., Site], threads: int, count: int
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5}, host_failure_recovery_threads=threads)
    servers = site.add(count)
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(*servers)
    assert _most_at_once(site.simulator) == threads


def _most_at_once(simulator: Simulator) -> int:
    """Tell how many evacuations ran at once, from the times in their records."""
    changes = []
    for record in simulator.cloud.migrations:
        assert record.source_compute == HOST
        assert record.ended is not None
        changes += [(record.accepted, 1), (record.ended, -1)]
    running = most = 0
    for _time, change in sorted(changes):
        running += change
        most = max(most, running)
    return most
