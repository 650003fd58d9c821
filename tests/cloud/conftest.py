"""The cloud, whole and empty before every scenario that changes it; the engine; the table of costs."""

import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from masakari_lite.journal.tables import NotificationRow, VMoveRow
from tests.cloud import clouds, costs
from tests.cloud.clouds import AnyCloud
from tests.cloud.costs import Meter
from tests.cloud.engine import Engine

_METERS: list[Meter] = []


@pytest.fixture(scope="session")
def whole_cloud(tmp_path_factory: pytest.TempPathFactory) -> AnyCloud:
    """Find the cloud, with the tables of a journal; it is left up."""
    cloud = clouds.find_cloud()
    Engine(cloud, tmp_path_factory.mktemp("journal"), Meter(cloud, "")).create_tables()
    return cloud


@pytest.fixture
def _empty_journal(whole_cloud: AnyCloud) -> None:
    """Forget what an earlier scenario has left to be tried again: this one's host is the same."""
    if "$state_path" in whole_cloud.journal_url:
        return  # a new one for each test
    engine = sa.create_engine(whole_cloud.journal_url)
    with engine.begin() as connection:
        for table in (VMoveRow, NotificationRow):
            connection.execute(sa.delete(table))
    engine.dispose()


@pytest.fixture(autouse=True)
def _able(request: pytest.FixtureRequest, whole_cloud: AnyCloud) -> None:
    """Skip what the cloud can't give, as none can that is not ours."""
    for marker in request.node.iter_markers("needs"):
        for need in marker.args:
            if reason := whole_cloud.why_not(need):
                pytest.skip(reason)


@pytest.fixture
def cloud(whole_cloud: AnyCloud, _able: None) -> AnyCloud:
    """Hand out the cloud whole and empty."""
    whole_cloud.heal()
    return whole_cloud


@pytest.fixture
def host(whole_cloud: AnyCloud) -> str:
    """The host that fails."""
    return whole_cloud.hosts[0]


@pytest.fixture
def build_engine(
    whole_cloud: AnyCloud, _empty_journal: None, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Engine]]:
    """Hand out a function that starts an engine; it is ended with the test."""
    engines: list[Engine] = []
    meter = Meter(whole_cloud, request.node.name.removeprefix("test_").replace("_", " "))
    _METERS.append(meter)

    def build(**changes: Any) -> Engine:
        engine = Engine(whole_cloud, tmp_path, meter, **changes)
        engines.append(engine)
        return engine.__enter__()

    yield build
    for engine in engines:
        engine.__exit__()


@pytest.fixture
def engine(build_engine: Callable[..., Engine]) -> Engine:
    """Start an engine that forces the failed host down."""
    return build_engine(host_failure__force_down=True)


def pytest_sessionfinish() -> None:
    """Leave the cloud."""
    clouds.leave()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the recoveries have cost."""
    lines = [line for meter in _METERS for line in meter.lines]
    for line in ["", costs.HEADING, "", costs.head(), *lines] if lines else []:
        terminalreporter.write_line(line)
