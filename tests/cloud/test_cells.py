"""A cell whose database does not answer Nova's API."""

from collections.abc import Callable

import pytest

from tests.cloud import checks, needs
from tests.cloud.clouds import AnyCloud, Devcloud
from tests.cloud.engine import Engine

pytestmark = pytest.mark.needs(needs.DEVCLOUD)


def test_a_host_in_a_cell_that_is_down_is_recovered_when_it_is_back(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    assert isinstance(cloud, Devcloud)
    servers = cloud.boot(4, host)
    engine = build_engine(
        host_failure__force_down=True,
        host_failure__evacuation_attempts=1,
        host_failure__evacuation_retry_interval=5,
        nova__retry_period=2,
    )
    cloud.kill_compute(host)
    with cloud.down_cell():
        notification = engine.recover(host)
        assert notification["status"] == "error", engine.log
        assert "the database of its cell does not answer" in notification["message"]
    uuid = notification["notification_uuid"]
    # it ends as an error once more when it is tried before Nova's API is up again
    cloud.wait_for(lambda: engine.wait(uuid)["message"] == "4 succeeded", "the cell to be seen again")
    checks.assert_moved_once(cloud, servers, host)


def test_another_cell_that_is_down_hinders_nothing(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    assert isinstance(cloud, Devcloud)
    servers = cloud.boot(4, host)
    engine = build_engine(host_failure__force_down=True)
    cloud.kill_compute(host)
    with cloud.other_down_cell():
        ended = engine.recover(host)
    assert ended["message"] == "4 succeeded", engine.log
    checks.assert_moved_once(cloud, servers, host)
    assert cloud.service(host)["status"] == "disabled"
