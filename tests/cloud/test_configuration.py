"""What is wrong with [nova] is said at start and in the notification, with what to do."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud import checks, needs
from tests.cloud.clouds import AnyCloud
from tests.cloud.engine import Engine
from tests.cloud.late import late_keystone

SAID_AT_START = "No host can be recovered until this is fixed"


def assert_said(cloud: AnyCloud, engine: Engine, host: str, *words: str) -> None:
    """The engine says it in its log and in the notification."""
    cloud.wait_for(lambda: SAID_AT_START in engine.log, "the engine's word")
    ended = engine.recover(host)
    assert ended["status"] == "error"
    for word in words:
        assert word in engine.log
        assert word in ended["message"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"nova__password": "wrong"}, "check the credentials in [nova]"),
        ({"user": "demo"}, "the admin role, or this policy"),
        ({"nova__auth_url": "http://127.0.0.1:9/v3", "nova__retry_period": 1}, "check that Keystone answers"),
        ({"nova__service_type": "computer"}, "check region_name, valid_interfaces and"),
    ],
    ids=["wrong password", "missing role", "nobody at auth_url", "no such endpoint"],
)
def test_what_is_wrong_with_nova_is_said(
    whole_cloud: AnyCloud, host: str, build_engine: Callable[..., Engine], changes: dict[str, Any], said: str
) -> None:
    assert_said(whole_cloud, build_engine(**changes), host, said)


@pytest.mark.needs(needs.KILL)
def test_a_keystone_that_answers_late_delays_a_recovery(
    cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    servers = cloud.boot(2, host)
    cloud.kill_compute(host)
    with late_keystone(cloud.nova_options()["auth_url"], delay=2) as auth_url:
        engine = build_engine(host_failure__force_down=True, nova__auth_url=auth_url)
        assert engine.recover(host)["status"] == "finished"
        checks.assert_moved_once(cloud, servers, host)


def test_a_keystone_that_answers_too_late_is_said(
    whole_cloud: AnyCloud, host: str, build_engine: Callable[..., Engine]
) -> None:
    with late_keystone(whole_cloud.nova_options()["auth_url"], delay=3) as auth_url:
        engine = build_engine(nova__auth_url=auth_url, nova__timeout=1, nova__retry_period=1)
        assert_said(
            whole_cloud, engine, host, f"{auth_url}/auth/tokens timed out", "answers at auth_url within"
        )
