"""The lock of one instance on its way, ours and somebody else's, on every Nova since Pike."""

import time
from collections.abc import Callable

import pytest

from tests.harness.monitor import HOST
from tests.harness.site import VERIFY_INTERVAL, Site

CHECK_PERIOD = 10 * VERIFY_INTERVAL


def test_an_instance_is_locked_in_our_name_while_it_moves(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5})
    (server,) = site.add(1)
    uuid = site.begin()
    assert server.locked_by == "admin"
    assert server.locked_reason == f"masakari-lite: evacuation by notification {uuid}"
    assert site.ask_as_owner(server, {"os-stop": None}) == 409
    assert site.engine.wait(uuid)["status"] == "finished"
    assert not server.locked
    assert site.ask_as_owner(server, {"os-stop": None}) == 202
    site.until(lambda: server.vm_state == "stopped")
    site.assert_evacuated_once(server, vm_state="stopped")


@pytest.mark.parametrize(
    "lock",
    [
        {"locked_by": "owner", "locked_reason": "do not touch"},
        {"locked_by": "owner"},
        {"locked_by": "admin", "locked_reason": "under investigation"},
        {"locked_by": "admin"},
    ],
)
@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_a_lock_of_somebody_else_stays_as_it_is(
    build_site: Callable[..., Site], lock: dict[str, str], microversion: str
) -> None:
    site = build_site(cloud={"max_microversion": microversion})
    (server,) = site.add(1, **lock)
    ended = site.recover()
    site.assert_evacuated_once(server)
    assert site.has(server, **({"locked_reason": None} | lock))
    assert not site.simulator.requests.count("server.lock")
    assert not site.simulator.requests.count("server.unlock")
    move = site.vmove(ended, server)
    assert (move["locked"], move["locked_by_us"]) == (True, False)


def test_a_lock_that_an_administrator_took_over_is_left(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 600})
    taken_over, opened = site.add(2)
    uuid = site.begin()
    site.until(lambda: taken_over.locked and opened.locked)
    time.sleep(CHECK_PERIOD)  # for so long a lock is taken for what it was
    with site.cloud.up_to_date():
        site.cloud.update(taken_over, locked_reason="forensics")
        site.cloud.update(opened, locked_by=None, locked_reason=None)
    site.clock.leap(600)
    assert site.engine.wait(uuid)["status"] == "finished"
    assert site.has(taken_over, locked_by="admin", locked_reason="forensics")
    assert not opened.locked
    site.assert_evacuated_once(taken_over, opened)


@pytest.mark.parametrize("microversion", ["2.53", "2.59", "2.73", "2.104"])
def test_every_nova_since_pike_will_do(build_site: Callable[..., Site], microversion: str) -> None:
    site = build_site(cloud={"max_microversion": microversion, "evacuation_latency": 0.2})
    servers = site.add(3) + site.add(1, locked_by="owner")
    stopped = site.add(1, vm_state="stopped")
    uuid = site.begin()
    moving = site.cloud.servers[site.cloud.migrations[0].instance_uuid]
    assert moving.locked_by == ("owner" if moving is servers[3] else "admin")
    has_reason = int(microversion[2:]) >= 73 and moving is not servers[3]
    assert (uuid in (moving.locked_reason or "")) == has_reason
    assert site.engine.wait(uuid)["message"] == "5 succeeded"
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(*stopped, vm_state="stopped")
    assert [server.locked_by for server in servers] == [None, None, None, "owner"]


def test_an_older_nova_is_refused(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"max_microversion": "2.52"})
    ended = site.recover()
    assert ended["status"] == "error"
    assert "microversion 2.52 at most; masakari-lite works from 2.53" in ended["message"]


def test_a_lock_that_came_after_the_first_list_stays(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, host_failure_recovery_threads=1)
    servers = site.add(2)
    site.clock.leap(120)
    uuid = site.begin()
    (waiting,) = [server for server in servers if not server.locked]
    assert site.ask_as_owner(waiting, {"lock": None}) == 202
    time.sleep(2 * VERIFY_INTERVAL)  # which of the others have changed is asked so often
    site.clock.leap(600)
    site.until(lambda: site.evacuations(waiting))
    site.clock.leap(600)
    assert site.engine.wait(uuid)["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)
    assert site.has(waiting, locked_by="owner")


def test_one_that_was_deleted_after_the_first_list_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, host_failure_recovery_threads=1)
    servers = site.add(2)
    site.clock.leap(120)
    uuid = site.begin()
    (waiting,) = [server for server in servers if not server.locked]
    with site.cloud.up_to_date():
        site.cloud.destroy(waiting)
    time.sleep(2 * VERIFY_INTERVAL)
    site.clock.leap(600)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, waiting)["reason"] == "deleted"
    assert not site.evacuations(waiting)


def test_one_that_somebody_else_has_evacuated_after_the_first_list_is_not_locked(
    build_site: Callable[..., Site],
) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = site.begin()
    (waiting,) = [server for server in servers if not server.locked]
    with site.cloud.up_to_date():
        done = {"migration_type": "evacuation", "source": HOST, "dest": "compute-3", "status": "done"}
        site.cloud.set_migration(site.cloud.add_migration(waiting, **done), status="done")
        site.cloud.update(waiting, host="compute-3")
    polls = site.simulator.requests.count("migration.list")
    site.until(lambda: site.simulator.requests.count("migration.list") >= polls + 2)
    site.clock.leap(600)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, waiting)["message"] == "it is on compute-3 already"
    assert site.simulator.requests.count("server.lock") == 1
