"""What must not happen: live hosts evacuated, guests lost or doubled."""

import contextlib
from collections.abc import Callable

import pytest

from tests.cloud import checks, needs
from tests.cloud.clouds import AnyCloud
from tests.cloud.engine import Engine
from tests.cloud.owner import Disturbances, Meddler, Owner
from tools.devcloud.errors import RequestError


def race(cloud: AnyCloud, host: str, engine: Engine, count: int) -> tuple[list[str], int, str]:
    """Recover a host whose instances' owner acts all the while; returns servers, log offset, status."""
    servers = cloud.boot(count, host)
    cloud.kill_compute(host)
    offset = cloud.request_offset()
    uuid = engine.notify(host)
    with Owner(cloud, servers, seed=1693728):
        status = engine.wait(uuid)["status"]
    return servers, offset, status


@pytest.mark.needs(needs.KILL, needs.LOG)
def test_a_locked_instance_is_left_alone_by_its_owner(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    """Launchpad bug 1693728."""
    engine = build_engine(host_failure__force_down=True)
    servers, offset, status = race(cloud, host, engine, 15)
    disturbances = Disturbances(cloud, offset)
    assert disturbances.passed_on_the_way() == []
    assert set(disturbances.while_locked()) == {409}
    assert status == "finished", engine.log
    for server in servers:
        with contextlib.suppress(RequestError):  # some were deleted before their turn
            checks.assert_no_lock_of_ours(cloud, server)


@pytest.mark.needs(needs.KILL, needs.LOG)
def test_without_the_lock_the_race_is_lost(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    module = "tests.cloud.engine_without_lock"
    engine = build_engine(host_failure__force_down=True, module=module)
    _servers, offset, status = race(cloud, host, engine, 15)
    assert "unexpected" not in engine.log, "the engine itself works"
    assert Disturbances(cloud, offset).passed_on_the_way() or status == "error"


def test_a_live_host_is_left_alone(cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]) -> None:
    servers = cloud.boot(2, host)
    before = cloud.service(host)
    engine = build_engine(wait_period_after_service_update=5)
    ended = engine.recover(host)
    assert ended["status"] == "error"
    assert f"still reports the compute service of {host} up" in ended["message"]
    after = cloud.service(host)
    assert after | {"updated_at": None} == before | {"updated_at": None}
    checks.assert_unmoved(cloud, servers, host)


@pytest.mark.needs(needs.KILL)
def test_a_host_that_comes_back_in_mid_recovery_loses_no_guest(
    cloud: AnyCloud, host: str, engine: Engine
) -> None:
    servers = cloud.boot(12, host)
    cloud.kill_compute(host)
    uuid = engine.notify(host)
    cloud.wait_for(lambda: any(cloud.evacuations(server) for server in servers), "the first evacuation")
    cloud.start_compute(host)
    assert engine.wait(uuid)["status"] == "finished"
    checks.assert_moved_once(cloud, servers, host)
    # only a compute that starts sees to the guests that have been evacuated
    cloud.kill_compute(host)
    cloud.start_compute(host)
    checks.wait_for_clean_source(cloud, servers)
    checks.assert_moved_once(cloud, servers, host)


@pytest.mark.needs(needs.KILL)
def test_a_host_that_comes_back_after_the_recovery_doubles_no_guest(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    servers = cloud.boot(6, host)
    engine = build_engine(host_failure__force_down=True)
    cloud.kill_compute(host)
    assert engine.recover(host)["status"] == "finished"
    engine.stop()
    places = [checks.host_of(cloud.server(server)) for server in servers]

    returned_at = cloud.now()
    cloud.start_compute(host)
    # what it reported before its death, a moment ago, would have it up for a while
    cloud.wait_for(lambda: cloud.have_reported([host], returned_at), f"{host} to report")
    checks.wait_for_clean_source(cloud, servers)
    cloud.update_service(host, forced_down=False)
    cloud.wait_for(lambda: cloud.service(host)["state"] == "up", f"{host} to be up")
    cloud.update_service(host, status="enabled")
    late = build_engine(wait_period_after_service_update=2).recover(host)
    assert "still reports the compute service" in late["message"]

    checks.assert_moved_once(cloud, servers, host)
    assert [checks.host_of(cloud.server(server)) for server in servers] == places
    (new,) = cloud.boot(1, host)
    assert [server["id"] for server in cloud.servers(host=host)] == [new]


@pytest.mark.needs(needs.KILL)
def test_what_an_owner_may_do_to_a_locked_instance_does_no_harm(
    cloud: AnyCloud, host: str, engine: Engine
) -> None:
    """Nova lets a rename and a backup pass a lock; the owner's unlock is refused, her lock does nothing."""
    servers = cloud.boot(8, host)
    cloud.kill_compute(host)
    with Meddler(cloud, servers, seed=7) as meddler:
        ended = engine.recover(host)
    assert ended["status"] == "finished", ended["message"]
    for answer in (("rename", 200), ("createBackup", 200), ("lock", 200), ("unlock", 403)):
        assert meddler.answers[answer], meddler.answers
    for server in servers:
        now = cloud.server(server)
        assert checks.host_of(now) != host
        checks.assert_no_lock_of_ours(cloud, server)
