"""The lock of one instance on its way, ours and somebody else's, on every Nova since Pike."""

from collections.abc import Callable

import pytest

from tests.harness.site import Site


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
    site = build_site(cloud={"evacuation_latency": 0.3})
    taken_over, opened = site.add(2)
    uuid = site.begin()
    site.until(lambda: taken_over.locked and opened.locked)
    with site.cloud.up_to_date():
        site.cloud.update(taken_over, locked_reason="forensics")
        site.cloud.update(opened, locked_by=None, locked_reason=None)
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
