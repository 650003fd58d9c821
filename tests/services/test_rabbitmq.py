"""A real RabbitMQ that dies, is stopped, comes back or never was there."""

import contextlib
import signal
import time
import uuid
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest

from masakari_lite import concurrency
from masakari_lite.models import JsonDict
from tests.harness.monitor import HOST, build_notification
from tests.harness.servers import RabbitMQ
from tests.services.stage import Stage

OTHER = "compute-2"
LIMIT = 15  # graceful_shutdown_timeout


@pytest.fixture
def stage(build_stage: Callable[..., Stage], broker: RabbitMQ) -> Stage:
    """Play with the broker, which runs again."""
    broker.start()
    return build_stage(transport_url=broker.url, graceful_shutdown_timeout=LIMIT)


def call(stage: Stage, method: str, *arguments: Any) -> JsonDict:
    """Call the engine again and again until it answers, as a monitor must that wants to lose nothing.

    What is sent before the engine has its queue back is lost on the broker.
    """
    with stage.monitor(timeout=3) as api:
        for _ in range(20):
            with contextlib.suppress(oslo_messaging.MessagingTimeout):
                return dict(getattr(api, method)(*arguments))
    raise AssertionError("the engine does not answer")


def notify(stage: Stage, host: str = HOST) -> str:
    """Notify until the engine has accepted it; return the notification's uuid."""
    raw = build_notification(host, notification_uuid=str(uuid.uuid4()))
    answer = call(stage, "process_notification", raw)
    assert answer["notification_uuid"] == raw["notification_uuid"]
    return str(answer["notification_uuid"])


AWAY = "The message broker does not answer"
BACK = "The message broker answers again"


def recover(stage: Stage, host: str = OTHER) -> None:
    """Let another host fail, and have it recovered by way of the broker."""
    server = stage.cloud.add_server(host)
    stage.cloud.fail_host(host)
    stage.wait_for_end(notify(stage, host))
    assert [record.status for record in stage.evacuations(server)] == ["done"]
    stage.assert_safe()


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_restarted_while_the_engine_is_idle(stage: Stage, broker: RabbitMQ, how: str) -> None:
    """What a monitor sends while the broker is away is accepted when it is back."""
    stage.populate()
    stage.process.start()
    stage.process.until_it_says("The engine is ready", limit=60)
    broker.end(how)
    stage.cloud.fail_host(HOST)
    waiting = concurrency.spawn(notify, stage)
    broker.start()
    stage.wait_for_end(waiting.wait())
    stage.assert_ended_well()
    stage.assert_said_once(AWAY, BACK, ours=2)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_restarted_in_mid_recovery(stage: Stage, broker: RabbitMQ, how: str) -> None:
    """The recovery ends while the broker is away; afterwards the engine answers, and accepts more."""
    stage.populate()
    stage.process.start()
    stage.process.until_it_says("The engine is ready", limit=60)
    stage.cloud.fail_host(HOST)
    notification = notify(stage)
    stage.until_in_the_midst()
    broker.end(how)
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    broker.start()
    assert call(stage, "get_notification", notification)["message"] == "10 succeeded"
    recover(stage)
    stage.assert_said_once(AWAY, BACK, ours=2)


def test_away_when_the_engine_starts(stage: Stage, broker: RabbitMQ) -> None:
    """What is in the journal is recovered without it; once it is there the engine listens."""
    broker.kill()
    notification = stage.begin()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    broker.start()
    stage.process.until_it_says("The engine is ready", limit=60)
    recover(stage)
    stage.assert_said_once(AWAY, BACK, ours=2)


@pytest.mark.parametrize("since", ["the engine's start", "a moment"])
def test_away_at_sigterm(stage: Stage, broker: RabbitMQ, since: str) -> None:
    """The engine finishes what is in flight, and ends in time with status 0."""
    if since == "a moment":
        stage.populate()
        notification = stage.leave()
        stage.process.start()
        stage.process.until_it_says("The engine is ready", limit=60)
        stage.until_in_the_midst()
        broker.kill()
    else:
        broker.kill()
        notification = stage.begin()
    begun = time.monotonic()
    stage.process.signal(signal.SIGTERM)
    assert stage.process.wait(limit=2 * LIMIT) == 0, stage.process.output
    assert time.monotonic() - begun < LIMIT + 2
    assert not stage.count_our_locks()
    stage.process.start()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    assert stage.count_said(AWAY) == 2  # by each of the two processes
    assert stage.count_said("resumed by this engine or another one") == 1
    assert stage.count_said("Resuming the recovery of host") == 1
    assert not stage.complaints(ours=False)
