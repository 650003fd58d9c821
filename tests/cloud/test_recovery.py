"""A dead host's instances come back: forced down or waited for, room or none."""

import dataclasses
import datetime
import time
from collections.abc import Callable

import pytest

from tests.cloud import checks, needs
from tests.cloud.clouds import AnyCloud
from tests.cloud.engine import Engine

pytestmark = pytest.mark.needs(needs.KILL)


@dataclasses.dataclass
class Guests:
    """Instances of the normal user's, in the states that instances are in."""

    active: list[str]
    stopped: list[str]  # stopped before, or what an evacuation cannot keep
    resized: str
    error: str
    owner_locked: str
    admin_locked: str
    deleted: str


def boot_guests(cloud: AnyCloud, host: str, count: int) -> Guests:
    """Boot them on the host, and bring each into its state."""
    resized = resize_to_host(cloud, host)
    servers = cloud.boot(count - 1, host)
    special, active = servers[:9], servers[9:]
    stopped, paused, suspended, rescued, error, owner_locked, admin_locked, deleted, off = special
    for server in (stopped, off):
        cloud.demo.action(server, "os-stop")
    cloud.demo.action(paused, "pause")
    cloud.demo.action(suspended, "suspend")
    cloud.demo.action(rescued, "rescue", {})
    cloud.admin.action(error, "os-resetState", {"state": "error"})
    cloud.demo.action(owner_locked, "lock")
    cloud.admin.action(admin_locked, "lock", {"locked_reason": "under investigation"})
    wanted = {
        stopped: "stopped",
        off: "stopped",
        paused: "paused",
        suspended: "suspended",
        rescued: "rescued",
    }
    for server, state in wanted.items():
        checks.wait_for_state(cloud, server, state)
    return Guests(
        active,
        [stopped, off, paused, suspended, rescued],
        resized,
        error,
        owner_locked,
        admin_locked,
        deleted,
    )


def resize_to_host(cloud: AnyCloud, host: str) -> str:
    """Boot an instance elsewhere and resize it: to the one host that the scheduler may choose."""
    source, *others = (other for other in cloud.hosts if other != host)
    (server,) = cloud.boot(1, source)
    for other in others:
        cloud.update_service(other, status="disabled")
    cloud.demo.action(server, "resize", {"flavorRef": cloud.flavor_id("micro")})
    checks.wait_for_state(cloud, server, "resized")
    for other in others:
        cloud.update_service(other, status="enabled")
    # Nova's fake driver keeps the guest of an unconfirmed resize on its source, and could not take it back
    cloud.update_service(source, status="disabled")
    assert checks.host_of(cloud.server(server)) == host
    return server


@pytest.mark.parametrize("force_down", [True, False], ids=["forced down", "waited for"])
def test_instances_in_all_states_come_back(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine], force_down: bool
) -> None:
    guests = boot_guests(cloud, host, 30)
    engine = build_engine(host_failure__force_down=force_down)
    cloud.kill_compute(host)
    cloud.demo.nova("DELETE", f"/servers/{guests.deleted}")
    ended = engine.recover(host)
    assert ended["status"] == "finished", ended["message"]

    checks.assert_moved_once(cloud, guests.active, host)
    checks.assert_moved_once(cloud, guests.stopped, host, "stopped")
    checks.assert_moved_once(cloud, [guests.error], host, "error")
    assert_locks_kept(cloud, host, guests)
    checks.assert_moved_once(cloud, [guests.resized], host)
    left = {server["id"] for server in cloud.servers(host=host)}
    assert left <= {guests.deleted}
    assert cloud.evacuations(guests.deleted) == []
    service = cloud.service(host)
    assert (service["state"], service["status"], service["forced_down"]) == ("down", "disabled", force_down)


def assert_locks_kept(cloud: AnyCloud, host: str, guests: Guests) -> None:
    checks.assert_moved_once(cloud, [guests.owner_locked, guests.admin_locked], host)
    assert cloud.server(guests.owner_locked)["locked"]
    admin_locked = cloud.server(guests.admin_locked)
    assert (admin_locked["locked"], admin_locked["locked_reason"]) == (True, "under investigation")
    cloud.demo.action(guests.owner_locked, "unlock")  # still its owner's own


def test_30_active_instances(cloud: AnyCloud, host: str, engine: Engine) -> None:
    """What is measured against Masakari: three threads, the host forced down."""
    servers = cloud.boot(30, host)
    cloud.kill_compute(host)
    ended = engine.recover(host)
    assert ended["status"] == "finished", ended["message"]
    checks.assert_moved_once(cloud, servers, host)


@pytest.mark.needs(needs.SIZES)
def test_a_full_cloud_is_told_at_once_and_the_rest_comes_when_there_is_room(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    """Three huge instances fill a host; the only one that is left has room for one, and for small ones."""
    interval = 2
    engine = build_engine(host_failure__force_down=True, verify_interval=interval)
    narrow, *closed = (other for other in cloud.hosts if other != host)
    cloud.boot(2, narrow, "huge")
    huge, small = cloud.boot(3, host, "huge"), cloud.boot(3, host)
    stopped = {*huge[:2], small[0]}
    for server in stopped:
        cloud.demo.action(server, "os-stop")
    for server in stopped:
        checks.wait_for_state(cloud, server, "stopped")
    for other in closed:
        cloud.update_service(other, status="disabled")
    cloud.kill_compute(host)
    ended = engine.recover(host)
    assert ended["status"] == "error"
    moves = engine.moves(ended["notification_uuid"])
    failed = {server for server, move in moves.items() if move["status"] == "failed"}
    assert len(failed) == 2
    assert failed < set(huge)
    for server in failed:
        assert "No valid host was found" in moves[server]["message"]
        assert not cloud.server(server)["locked"]
        assert seconds_until_noticed(cloud, server, moves[server]["end_time"]) <= 2 * interval
    assert_back(cloud, host, {*huge, *small} - failed, stopped, ["done"])

    for other in closed:
        cloud.update_service(other, status="enabled")
    again = engine.recover(host)
    assert again["status"] == "finished", again["message"]
    assert_back(cloud, host, failed, stopped, ["done", "error"])
    assert_back(cloud, host, {*huge, *small} - failed, stopped, ["done"])


def seconds_until_noticed(cloud: AnyCloud, server: str, end_time: str) -> float:
    """Tell how long after Nova's record had ended the move did; Nova leaves the fractions of a second out."""
    (record,) = cloud.evacuations(server)
    failed_at = datetime.datetime.fromisoformat(record["updated_at"]) + datetime.timedelta(seconds=1)
    return (datetime.datetime.fromisoformat(end_time) - failed_at.replace(tzinfo=None)).total_seconds()


def assert_back(
    cloud: AnyCloud, host: str, servers: set[str], stopped: set[str], statuses: list[str]
) -> None:
    """Each is elsewhere, in the state that it had at first, and has had those evacuations."""
    for server in servers:
        now = cloud.server(server)
        state = "stopped" if server in stopped else "active"
        assert (checks.host_of(now) != host, checks.state_of(now)[0]) == (True, state)
        assert sorted(record["status"] for record in cloud.evacuations(server)) == statuses
        checks.assert_no_lock_of_ours(cloud, server)


def test_a_dead_service_that_still_looks_up_does_not_block_the_engine(
    cloud: AnyCloud, host: str, engine: Engine
) -> None:
    """Disabling it first would keep Nova waiting for its rpc_response_timeout, 60 s here."""
    (server,) = cloud.boot(1, host)
    cloud.kill_compute(host)
    assert cloud.service(host)["state"] == "up"
    begun = time.monotonic()
    assert engine.recover(host)["status"] == "finished"
    assert time.monotonic() - begun < cloud.rpc_response_timeout / 2
    checks.assert_moved_once(cloud, [server], host)
