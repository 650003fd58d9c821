"""A real MariaDB that dies, is stopped, cuts connections, and comes back."""

import pathlib
import signal
import time
import uuid
from collections.abc import Callable

import pytest

from masakari_lite.models import NotificationStatus
from tests.harness.servers import MariaDB
from tests.services.stage import Stage

OUTAGE = 7.0
AWAY = "The journal's database does not answer"
BACK = "The journal's database answers again"
# the claims are in it, too, and are renewed four times in a lease: an outage may fall between two renewals
CLAIMS = 2


@pytest.fixture
def name() -> str:
    """The name of a database of the test's own."""
    return f"journal_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def build(build_stage: Callable[..., Stage], database: MariaDB, name: str) -> Callable[..., Stage]:
    """Build a stage whose journal is on the server, which runs again."""

    def make(**options: int) -> Stage:
        database.start()
        stage = build_stage(
            database__connection=database.create_database(name),
            database__retry_interval=1,
            wait_period_after_evacuation=20,
            **options,
        )
        stage.upgrade_db()
        return stage

    return make


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_restarted_in_mid_recovery(build: Callable[..., Stage], database: MariaDB, how: str) -> None:
    build().assert_survives(database, how, OUTAGE, AWAY, BACK, others=CLAIMS)


def test_away_for_longer_than_a_step_waits(build: Callable[..., Stage], database: MariaDB) -> None:
    """After db_max_retries the recovery is left with nobody locked out, and goes on by itself."""
    stage = build(database__db_max_retries=2)
    notification = stage.begin()
    database.kill()
    stage.process.until_it_says("resumed when the journal answers", limit=60)
    stage.until(lambda: not stage.count_our_locks())
    sent = stage.count_changes()
    time.sleep(OUTAGE)
    assert stage.count_changes() == sent, "nothing is asked of Nova that is not written"
    database.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(
        AWAY,
        BACK,
        "resumed when the journal answers",
        "No recovery can be started",
        "Recoveries can be started again",
        "Stale locks cannot be released",
        "Stale locks are released again",
        "Resuming the recovery of host",
    )


def test_connections_lost_between_any_two_steps(
    build: Callable[..., Stage], database: MariaDB, name: str
) -> None:
    """All through the recovery the server cuts every connection again and again."""
    stage = build()
    notification = stage.begin()
    cut = 0
    while stage.find_status(notification) is NotificationStatus.RUNNING:
        cut += database.cut_connections(name)
        time.sleep(0.1)
    assert cut > 10
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    # a new connection mends it, and nobody need know: unless that one was cut in its first moment, too
    begun = stage.count_said(AWAY)
    assert stage.count_said(BACK) == begun <= cut // 10
    claims = stage.count_said("The claims on hosts cannot be renewed")
    assert stage.count_said("The claims are renewed again") == claims <= 1
    assert stage.complaints().total() == 2 * begun + 2 * claims, stage.process.output


def test_restarted_while_the_engine_is_idle(build: Callable[..., Stage], database: MariaDB) -> None:
    stage = build()
    stage.populate()
    stage.process.start()
    stage.process.until_it_says("The engine is ready", limit=60)
    database.kill()
    time.sleep(OUTAGE)
    database.start()
    notification = stage.leave()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(AWAY, BACK, ours=4)


def test_away_when_the_engine_starts(build: Callable[..., Stage], database: MariaDB) -> None:
    """The engine waits for it, [database] max_retries times retry_interval; oslo.db says each try."""
    stage = build()
    stage.populate()
    notification = stage.leave()
    database.kill()
    stage.process.start()
    stage.process.until_it_says("SQL connection failed", limit=60)
    database.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(ours=0, theirs=range(1, 11))
    assert all("SQL connection failed" in said for said in stage.complaints(ours=False))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_engines_of_two_machines_share_nothing_but_the_journal(
    build: Callable[..., Stage], tmp_path: pathlib.Path, how: signal.Signals
) -> None:
    """No [coordination] backend_url is set, as deployment tools have it; each has its own state_path."""
    stage = build(coordination__lease_time=4)
    stage.cloud.options.evacuation_latency = 3.0  # so that the recovery outlasts a lease
    stage.populate()
    notification = stage.leave()
    engines = {}
    for name in ("one", "other"):
        (tmp_path / f"state-{name}").mkdir()
        engines[name] = stage.build_process(name, state_path=tmp_path / f"state-{name}")
        engines[name].start()
    stage.until_in_the_midst(3)
    with stage.journal() as journal:
        owner = str(journal.notifications.get(notification).owner)
    owner = owner.partition(":")[0].removeprefix("engine")
    (successor,) = set(engines) - {owner}
    time.sleep(4)
    assert not any("Resuming the recovery of host" in engine.output for engine in engines.values())
    engines[owner].signal(how)
    engines[successor].until_it_says("Resuming the recovery of host", limit=8 + 10)
    if how is signal.SIGSTOP:
        engines[owner].signal(signal.SIGCONT)
        engines[owner].until_it_says("resumed by this engine or another one")
    stage.wait_for_end(notification)
    stage.assert_ended_well()
