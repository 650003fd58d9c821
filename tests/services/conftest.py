"""Servers for a module's tests, each started by who needs it, and the stages that they play on."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.servers import MariaDB, RabbitMQ, Redis, Server
from tests.services.minute import Minute
from tests.services.stage import Stage


@pytest.fixture
def build_stage(tmp_path: pathlib.Path) -> Iterator[Callable[..., Stage]]:
    """Build stages; ``cloud`` has the simulator's options, everything else is the engine's."""
    with contextlib.ExitStack() as stack:

        def build(**options: Any) -> Stage:
            return Stage(tmp_path, stack, **options)

        yield build


@pytest.fixture(scope="session", autouse=True)
def minute(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Minute | None]:
    """Let the troubles that last a minute begin at once, so that the other tests' time is enough for them."""
    if not any(item.path.name == "test_whole_minute.py" for item in request.session.items):
        yield None
        return
    with contextlib.ExitStack() as stack:
        yield Minute(tmp_path_factory.mktemp("minute"), stack)


@contextlib.contextmanager
def _running(kind: type[Server], directory: pathlib.Path) -> Iterator[Server]:
    server = kind(directory)
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A message broker; a test leaves it running."""
    with _running(RabbitMQ, tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A database server; a test leaves it running."""
    with _running(MariaDB, tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture
def claims_server(tmp_path: pathlib.Path) -> Iterator[Server]:
    """A Redis for the claims, empty."""
    with _running(Redis, tmp_path / "redis") as server:
        yield server
