"""What must not happen: live hosts, restarts, meddling owners, wrong credentials (scenarios 2, 4 to 7)."""

import contextlib
import time
from collections.abc import Callable

import pytest

from tests.cloud import checks
from tests.cloud.engine import Engine
from tests.cloud.owner import Disturbances, Owner
from tests.cloud.test_recovery import HOST, add_row
from tools.devcloud.cloud import Cloud
from tools.devcloud.errors import RequestError


def race(cloud: Cloud, engine: Engine, count: int) -> tuple[list[str], int, str]:
    """Recover a host whose instances' owner acts all the while; returns servers, log offset, status."""
    servers = cloud.boot(count, HOST)
    cloud.kill_compute(HOST)
    offset = cloud.request_offset()
    uuid = engine.notify(HOST)
    with Owner(cloud, servers, seed=1693728):
        status = engine.wait(uuid)["status"]
    return servers, offset, status


def test_a_locked_instance_is_left_alone_by_its_owner(cloud: Cloud, engine: Engine, table: list[str]) -> None:
    """Launchpad bug 1693728."""
    begun, before = time.monotonic(), cloud.request_offset()
    servers, offset, status = race(cloud, engine, 15)
    add_row(table, cloud, "the race of bug 1693728", 15, begun, before)
    disturbances = Disturbances(cloud, offset)
    assert disturbances.passed_on_the_way() == []
    assert disturbances.by_status().get(409, 0) > 0
    assert status == "finished", engine.log
    for server in servers:
        with contextlib.suppress(RequestError):  # some were deleted before their turn
            checks.assert_no_lock_of_ours(cloud.server(server))


def test_without_the_lock_the_race_is_lost(cloud: Cloud, build_engine: Callable[..., Engine]) -> None:
    engine = build_engine(host_failure__force_down=True, module="tests.cloud.engine_without_lock")
    _servers, offset, status = race(cloud, engine, 15)
    assert Disturbances(cloud, offset).passed_on_the_way() or status == "error"


def test_a_live_host_is_left_alone(cloud: Cloud, build_engine: Callable[..., Engine]) -> None:
    servers = cloud.boot(2, HOST)
    before = cloud.service(HOST)
    engine = build_engine(wait_period_after_service_update=5)
    ended = engine.recover(HOST)
    assert ended["status"] == "error"
    assert "still reports the compute service of compute1 up" in ended["message"]
    after = cloud.service(HOST)
    changing = ("updated_at",)
    assert {k: v for k, v in after.items() if k not in changing} == {
        k: v for k, v in before.items() if k not in changing
    }
    checks.assert_unmoved(cloud, servers, HOST)


def test_a_host_that_comes_back_loses_no_guest(cloud: Cloud, engine: Engine) -> None:
    servers = cloud.boot(12, HOST)
    cloud.kill_compute(HOST)
    uuid = engine.notify(HOST)
    cloud.wait_for(lambda: any(cloud.evacuations(server) for server in servers), "the first evacuation")
    cloud.start_compute(HOST)
    engine.wait(uuid)
    cloud.start_compute(HOST)
    for server in servers:
        now = cloud.server(server)
        assert checks.state_of(now) == ("active", 1)
        assert not now["locked"]
        done = [r for r in cloud.evacuations(server) if r["status"] in ("done", "completed")]
        assert len(done) == (1 if checks.host_of(now) != HOST else 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": "wrong"}, "check the credentials in [nova]"),
        ({"username": "demo", "nova__project_name": "demo"}, "needs the admin role"),
        ({"auth_url": "http://127.0.0.1:9/v3", "nova__retry_period": 1}, "http://127.0.0.1:9/v3"),
        ({"nova__service_type": "computer"}, "check auth_url, region_name and valid_interfaces"),
    ],
    ids=["wrong password", "missing role", "nobody at auth_url", "no such endpoint"],
)
def test_what_is_wrong_with_nova_is_said(
    cloud: Cloud, build_engine: Callable[..., Engine], changes: dict[str, object], said: str
) -> None:
    engine = build_engine(**changes)
    cloud.wait_for(lambda: "No host can be recovered until this is mended" in engine.log, "the engine's word")
    assert said in engine.log
    ended = engine.recover(HOST)
    assert ended["status"] == "error"
    assert said in ended["message"]


def test_what_an_owner_may_do_to_a_locked_instance_does_no_harm(cloud: Cloud, engine: Engine) -> None:
    """Nova lets a rename and a backup pass a lock; the owner's unlock is refused, her lock does nothing."""
    servers = cloud.boot(8, HOST)
    cloud.kill_compute(HOST)
    uuid = engine.notify(HOST)
    while engine.ask("notification", "show", uuid)["status"] in ("new", "running"):
        for server in servers:
            for action, body in (
                ("unlock", None),
                ("lock", None),
                ("unlock", None),
                ("createBackup", BACKUP),
            ):
                with contextlib.suppress(RequestError):
                    cloud.demo.action(server, action, body)
            with contextlib.suppress(RequestError):
                cloud.demo.nova("PUT", f"/servers/{server}", {"server": {"name": "renamed"}})
    ended = engine.wait(uuid)
    assert ended["status"] == "finished", ended["message"]
    for server in servers:
        now = cloud.server(server)
        assert checks.host_of(now) != HOST
        checks.assert_no_lock_of_ours(now)


BACKUP = {"name": "backup", "backup_type": "daily", "rotation": 1}
