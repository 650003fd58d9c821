"""The cloud of tools/devcloud: brought up once, healed before every scenario."""

import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cloud.engine import Engine
from tools.devcloud import lifecycle
from tools.devcloud.cloud import Cloud
from tools.devcloud.healing import Healing
from tools.devcloud.settings import Settings

# a cloud that notices soon that a host is down; a live host on busy cores must not look down
QUICK = {"DEVCLOUD_REPORT_INTERVAL": "1", "DEVCLOUD_SERVICE_DOWN_TIME": "12"}


@pytest.fixture(scope="session")
def whole_cloud() -> Cloud:
    """Bring the cloud up, or use the one that is up; it is left up."""
    return lifecycle.up(Settings.from_environment(QUICK | dict(os.environ)))


@pytest.fixture
def cloud(whole_cloud: Cloud) -> Cloud:
    """Hand out the cloud whole and empty."""
    Healing(whole_cloud).run()
    return whole_cloud


@pytest.fixture
def build_engine(cloud: Cloud, tmp_path: pathlib.Path) -> Iterator[Callable[..., Engine]]:
    """Hand out a function that starts an engine; it is ended with the test."""
    engines: list[Engine] = []

    def build(**changes: Any) -> Engine:
        engine = Engine(cloud, tmp_path, **changes)
        engines.append(engine)
        return engine.__enter__()

    yield build
    for engine in engines:
        engine.__exit__()


@pytest.fixture
def engine(build_engine: Callable[..., Engine]) -> Engine:
    """Start an engine that forces the failed host down."""
    return build_engine(host_failure__force_down=True)


_ROWS: list[str] = []


@pytest.fixture
def table() -> list[str]:
    """Collect a row a scenario; they are printed at the end."""
    return _ROWS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the recoveries have cost."""
    for row in ["scenario: instances, seconds, tokens, Nova requests by kind", *_ROWS] if _ROWS else []:
        terminalreporter.write_line(row)
