"""A real PostgreSQL that dies, is stopped, and comes back."""

import pathlib
import time
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.services.servers import PostgreSQL
from tests.services.stage import Stage
from tests.services.test_mariadb import AWAY, BACK, LOCAL, OUTAGE


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """The server; a test leaves it running."""
    server = PostgreSQL(tmp_path_factory.mktemp("postgresql"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def stage(build_stage: Callable[..., Stage], database: PostgreSQL, tmp_path: pathlib.Path) -> Stage:
    """A stage whose journal is on the server."""
    stage = build_stage(
        database__connection=database.create_database(f"journal_{uuid.uuid4().hex[:8]}"),
        database__retry_interval=1,
        wait_period_after_evacuation=20,
    )
    stage.upgrade_db()
    return stage


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_restarted_in_mid_recovery(stage: Stage, database: PostgreSQL, how: str) -> None:
    notification = stage.begin()
    database.end(how)
    time.sleep(OUTAGE)
    database.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(LOCAL, AWAY, BACK, ours=3)


def test_silent_in_mid_recovery(stage: Stage, database: PostgreSQL) -> None:
    """As one that has lost its power: each connection is given up after 30 s."""
    notification = stage.begin()
    with database.frozen():
        stage.process.until_it_says(AWAY, limit=100)
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(LOCAL, AWAY, BACK, ours=3)
