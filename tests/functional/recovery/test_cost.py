"""What a recovery costs Nova and Keystone, and how many instances move at once."""

import time
from collections.abc import Callable

import pytest

from masakari_lite.compute import pace
from tests.harness.monitor import HOST
from tests.harness.site import Site

# the service, its clock, the hypervisor, the first list, and a list of each host that has received instances
ONCE = 20


def test_the_budget_of_a_recovery_is_kept(build_site: Callable[..., Site]) -> None:
    """Three requests an instance; the polls, ten a second; a list of what has changed; and one token.

    Nothing is asked of Nova that grows with the cloud: the instances of the host are listed once.
    """
    site = build_site(cloud={"evacuation_latency": 0.2}, verify_interval=0.3)
    servers = site.add(34)
    stopped = site.add(8, vm_state="stopped")
    assert site.engine
    site.until(lambda: site.simulator.requests.count("service.list"))  # it looks at Nova when it starts
    site.simulator.requests.clear()
    begun = time.monotonic()
    ended = site.recover()
    took = time.monotonic() - begun
    assert ended["message"] == "42 succeeded"
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(*stopped, vm_state="stopped")
    counts = site.simulator.requests.by_kind("masakari")
    assert sum(counts.values()) <= 3 * 42 + took / pace.SHORTEST + took / 0.3 + ONCE, counts
    assert "server.show" not in counts
    assert {
        kind: counts[kind] for kind in ("server.lock", "server.evacuate", "server.unlock")
    } == dict.fromkeys(("server.lock", "server.evacuate", "server.unlock"), 42)
    assert site.cloud.identity.issued["masakari"] == 1


def test_one_token_serves_one_recovery_after_the_other(site: Site) -> None:
    for _ in range(3):
        site.add(2)
        assert site.recover()["status"] == "finished"
    assert site.cloud.identity.issued["masakari"] == 1


@pytest.mark.parametrize("threads", [1, 3, 10])
def test_as_many_move_at_once_as_there_are_threads(build_site: Callable[..., Site], threads: int) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, host_failure_recovery_threads=threads)
    servers = site.add(2 * threads + 1)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    snapshots = site.simulator.requests.count
    for begun in (threads, 2 * threads, 2 * threads + 1):
        site.until(lambda begun=begun: len(site.cloud.migrations) == begun)
        seen = snapshots("migration.list")
        site.until(lambda seen=seen: snapshots("migration.list") >= seen + 3)
        assert len(site.cloud.migrations) == begun
        site.clock.leap(600)
    assert site.engine.wait(uuid)["message"] == f"{len(servers)} succeeded"
    site.assert_evacuated_once(*servers)
