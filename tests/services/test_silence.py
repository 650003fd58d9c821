"""A database server that keeps its connections and answers nothing, as one that has lost its power."""

import time
import uuid
from collections.abc import Callable

from tests.harness.servers import MariaDB
from tests.services.stage import Stage
from tests.services.test_mariadb import AWAY, BACK, CLAIMS

SILENCE = 8.0


def test_silent_in_mid_recovery(build_stage: Callable[..., Stage], database: MariaDB) -> None:
    """Each connection is given up after its time limit; the engine's own is 30 s where the URL has none."""
    database.start()
    url = database.create_database(f"journal_{uuid.uuid4().hex[:8]}")
    stage = build_stage(
        database__connection=f"{url}?read_timeout=2&connect_timeout=2", wait_period_after_evacuation=20
    )
    stage.upgrade_db()
    notification = stage.begin()
    with database.frozen():
        time.sleep(SILENCE)
        stage.process.until_it_says(AWAY)
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(AWAY, BACK, ours=2 + CLAIMS)
