"""A real PostgreSQL that dies, is stopped, and comes back."""

import pathlib
import uuid
from collections.abc import Callable, Iterator

import pytest

from tests.harness.servers import PostgreSQL
from tests.services.stage import Stage
from tests.services.test_mariadb import AWAY, BACK, CLAIMS, OUTAGE


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
    stage.assert_survives(database, how, OUTAGE, AWAY, BACK, others=CLAIMS)


def test_silent_in_mid_recovery(stage: Stage, database: PostgreSQL) -> None:
    """As one that lost its power: connections are given up after 30 s, and the claims are lost by then."""
    notification = stage.begin()
    with database.frozen():
        stage.process.until_it_says(AWAY, limit=100)
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(
        AWAY,
        BACK,
        "The claims on hosts cannot be renewed",
        "resumed by this engine or another one",
        "Resuming the recovery of host",
        ours=8,
    )
