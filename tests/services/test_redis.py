"""A real Redis with the claims of two engines, that forgets them, is away, or does not answer."""

import time
from collections.abc import Callable

import pytest

from tests.harness.process import Process
from tests.harness.servers import Redis
from tests.services.stage import Stage

LEASE = 6
OUTAGE = 12.0
AWAY = "The claims on hosts cannot be renewed"
HINDERED = "No recovery can be started"
UNHINDERED = "Recoveries can be started again"
LEFT = "resumed by this engine or another one"
TAKEN_UP = "Resuming the recovery of host"


@pytest.fixture
def stage(build_stage: Callable[..., Stage], claims_server: Redis) -> Stage:
    return build_stage(coordination__backend_url=claims_server.url, coordination__lease_time=LEASE)


@pytest.fixture
def engines(stage: Stage) -> list[Process]:
    """Two engines on one journal."""
    return [stage.process, stage.build_process("other")]


def begin(stage: Stage, engines: list[Process]) -> str:
    """Start the engines on a host that has failed, and wait until one is in the midst of it."""
    stage.populate()
    notification = stage.leave()
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.until_it_says("The engine is ready", limit=60)
    stage.until_in_the_midst(3)
    return notification


def assert_said_once(
    stage: Stage, engines: list[Process], *by_each: str, by_one: tuple[str, ...] = ()
) -> None:
    """Make sure of what each of the engines has said once, and of what only one of them has."""
    said = dict.fromkeys(by_one, 0)
    for engine in engines:
        stage.process = engine
        # a claim that can't be released is told by tooz, too
        stage.assert_said_once(*by_each, ours=6, theirs=range(5))
        for sentence in by_one:
            said[sentence] += stage.count_said(sentence)
    assert said == dict.fromkeys(by_one, 1)


def test_a_restart_that_forgets_the_claims_gives_no_host_to_two(
    stage: Stage, engines: list[Process], claims_server: Redis
) -> None:
    """Whoever takes the host up is its owner in the journal, and the other does nothing more."""
    stage.cloud.options.evacuation_latency = 2.0  # so that the recovery outlasts the leases
    notification = begin(stage, engines)
    claims_server.kill()
    claims_server.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    assert_said_once(stage, engines, by_one=(LEFT, TAKEN_UP))


@pytest.mark.parametrize("fault", ["kill", "freeze"])
def test_away_for_longer_than_a_lease(
    stage: Stage, engines: list[Process], claims_server: Redis, fault: str
) -> None:
    """Nobody knows whose the host is, so nobody acts; when the claims are back one of the two goes on."""
    stage.cloud.options.evacuation_latency = 2.0
    notification = begin(stage, engines)
    if fault == "kill":
        claims_server.kill()
        _outlast(stage, engines)
        claims_server.start()
    else:
        with claims_server.frozen():
            _outlast(stage, engines)
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    assert_said_once(stage, engines, HINDERED, UNHINDERED, by_one=(AWAY, LEFT, TAKEN_UP))


def _outlast(stage: Stage, engines: list[Process]) -> None:
    time.sleep(LEASE)
    sent = stage.count_changes()
    time.sleep(OUTAGE - LEASE)
    assert stage.count_changes() == sent, "not even an unlock"
    assert sum(AWAY in engine.output for engine in engines) == 1, "whose claim it was says it"


def test_away_when_the_engines_start(stage: Stage, engines: list[Process], claims_server: Redis) -> None:
    stage.populate()
    notification = stage.leave()
    claims_server.kill()
    for engine in engines:
        engine.start()
    for engine in engines:
        engine.until_it_says(HINDERED, limit=60)
    assert not stage.cloud.migrations
    claims_server.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    assert_said_once(stage, engines, HINDERED, UNHINDERED)
