"""A dead host's instances come back: all states, forced down or waited for (scenarios 1, 3 and 8)."""

import dataclasses
import time
from collections.abc import Callable

import pytest

from tests.cloud import checks
from tests.cloud.engine import Engine
from tools.devcloud.cloud import Cloud

HOST = "compute1"


@dataclasses.dataclass
class Guests:
    """30 instances of the normal user's, in the states that instances are in."""

    active: list[str]
    stopped: list[str]  # stopped before, or what an evacuation cannot keep
    resized: str
    error: str
    owner_locked: str
    admin_locked: str
    deleted: str


def boot_guests(cloud: Cloud, count: int) -> Guests:
    """Boot them on the host, and bring each into its state."""
    resized = resize_to_host(cloud)
    servers = cloud.boot(count - 1, HOST)
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
        cloud.wait_for(
            lambda s=server, w=state: checks.state_of(cloud.server(s))[0] == w, f"{server} {state}"
        )
    return Guests(
        active,
        [stopped, off, paused, suspended, rescued],
        resized,
        error,
        owner_locked,
        admin_locked,
        deleted,
    )


def resize_to_host(cloud: Cloud) -> str:
    """Boot an instance elsewhere and resize it: to the one host that the scheduler may choose."""
    source, *others = (host for host in cloud.settings.hosts if host != HOST)
    (server,) = cloud.boot(1, source)
    for host in others:
        cloud.update_service(host, status="disabled")
    cloud.demo.action(server, "resize", {"flavorRef": "micro"})
    cloud.wait_for(lambda: checks.state_of(cloud.server(server))[0] == "resized", "resized")
    for host in others:
        cloud.update_service(host, status="enabled")
    # Nova's fake driver keeps the guest of an unconfirmed resize on its source, and could not take it back
    cloud.update_service(source, status="disabled")
    assert checks.host_of(cloud.server(server)) == HOST
    return server


@pytest.mark.parametrize("force_down", [True, False], ids=["forced down", "waited for"])
def test_instances_in_all_states_come_back(
    cloud: Cloud, build_engine: Callable[..., Engine], table: list[str], force_down: bool
) -> None:
    guests = boot_guests(cloud, 30 if force_down else 14)
    engine = build_engine(host_failure__force_down=force_down)
    cloud.kill_compute(HOST)
    cloud.demo.nova("DELETE", f"/servers/{guests.deleted}")
    on_host = [server["id"] for server in cloud.servers(host=HOST)]
    offset, begun = cloud.request_offset(), time.monotonic()
    ended = engine.recover(HOST)
    add_row(table, cloud, f"all states, force_down={force_down}", len(on_host), begun, offset)
    assert ended["status"] == "finished", ended["message"]

    checks.assert_moved_once(cloud, guests.active, HOST)
    checks.assert_moved_once(cloud, guests.stopped, HOST, "stopped")
    checks.assert_moved_once(cloud, [guests.error], HOST, "error")
    assert_locks_kept(cloud, guests)
    checks.assert_moved_once(cloud, [guests.resized], HOST)
    left = {server["id"] for server in cloud.servers(host=HOST)}
    assert left <= {guests.deleted}
    assert cloud.evacuations(guests.deleted) == []
    service = cloud.service(HOST)
    assert (service["state"], service["status"], service["forced_down"]) == ("down", "disabled", force_down)


def assert_locks_kept(cloud: Cloud, guests: Guests) -> None:
    checks.assert_moved_once(cloud, [guests.owner_locked, guests.admin_locked], HOST)
    assert cloud.server(guests.owner_locked)["locked"]
    admin_locked = cloud.server(guests.admin_locked)
    assert (admin_locked["locked"], admin_locked["locked_reason"]) == (True, "under investigation")
    cloud.demo.action(guests.owner_locked, "unlock")  # still its owner's own


def add_row(table: list[str], cloud: Cloud, scenario: str, count: int, begun: float, offset: int) -> None:
    """Add what a recovery cost to the table that is printed at the end."""
    seconds = time.monotonic() - begun
    requests = cloud.requests(offset)
    by_kind = requests.nova.get("masakari", {})
    each = sum(by_kind.values()) / count
    kinds = ", ".join(f"{kind} {number}" for kind, number in by_kind.items())
    tokens = requests.tokens.get("masakari", 0)
    table.append(f"{scenario}: {count}, {seconds:.1f} s, {tokens}, {each:.2f} an instance ({kinds})")


def test_a_full_cloud_is_told_at_once_and_the_rest_comes_when_there_is_room(
    cloud: Cloud, engine: Engine
) -> None:
    servers = cloud.boot(6, HOST)
    for server in servers[:2]:
        cloud.demo.action(server, "os-stop")
    stopped, active = servers[:2], servers[2:]
    for server in stopped:
        cloud.wait_for(lambda s=server: checks.state_of(cloud.server(s))[0] == "stopped", "stopped")
    others = [host for host in cloud.settings.hosts if host != HOST]
    for host in others:
        cloud.update_service(host, status="disabled")
    cloud.kill_compute(HOST)
    begun = time.monotonic()
    ended = engine.recover(HOST)
    assert ended["status"] == "error"
    assert time.monotonic() - begun < 60  # far from wait_period_after_evacuation for each
    for move in engine.moves(ended["notification_uuid"]).values():
        assert move["status"] == "failed"
        assert "No valid host was found" in move["message"]
    for server in servers:
        assert not cloud.server(server)["locked"]

    for host in others:
        cloud.update_service(host, status="enabled")
    again = engine.recover(HOST)
    assert again["status"] == "finished", again["message"]
    for expected, group in (("active", active), ("stopped", stopped)):
        for server in group:
            now = cloud.server(server)
            assert (checks.host_of(now) != HOST, checks.state_of(now)[0]) == (True, expected)
            statuses = sorted(record["status"] for record in cloud.evacuations(server))
            assert statuses == ["done", "error"]
            checks.assert_no_lock_of_ours(now)


def test_a_dead_service_that_still_looks_up_does_not_block_the_engine(cloud: Cloud, engine: Engine) -> None:
    """Disabling it first would keep Nova waiting for its rpc_response_timeout, 60 s here."""
    (server,) = cloud.boot(1, HOST)
    cloud.kill_compute(HOST)
    assert cloud.service(HOST)["state"] == "up"
    begun = time.monotonic()
    assert engine.recover(HOST)["status"] == "finished"
    assert time.monotonic() - begun < cloud.settings.rpc_response_timeout / 2
    checks.assert_moved_once(cloud, [server], HOST)
