"""What of a broker's outage is left in the log; the lines are those that oslo.messaging 18 writes."""

import logging
import time
from collections.abc import Iterator

import pytest

from masakari_lite.rpc import broker_log
from masakari_lite.rpc.broker_log import BrokerLogFilter

DRIVER = logging.getLogger("oslo.messaging._drivers.impl_rabbit")
AWAY = "The message broker does not answer, trying again: [{}] AMQP server on b:5672 is unreachable: refused"
BACK = "The message broker answers again"


@pytest.fixture
def watched(caplog: pytest.LogCaptureFixture) -> Iterator[BrokerLogFilter]:
    caplog.set_level(logging.INFO)
    watcher = BrokerLogFilter()
    watcher.begin_to_watch()
    yield watcher
    watcher.cease_to_watch()


def fail(connection: str) -> None:
    place = {"connection_id": connection, "hostname": "b", "port": 5672, "err_str": "refused"}
    DRIVER.error(
        "[%(connection_id)s] AMQP server on %(hostname)s:%(port)s is unreachable: %(err_str)s", place
    )


def reconnect(connection: str) -> None:
    place = {"connection_id": connection, "hostname": "b", "port": 5672}
    DRIVER.info("[%(connection_id)s] Reconnected to AMQP server on %(hostname)s:%(port)s", place)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_it_is_said_when_it_begins_and_when_the_last_connection_is_back(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(50):
        fail("one")
        fail("two")
    reconnect("one")
    fail("two")
    assert watched.is_on
    assert said(caplog) == [AWAY.format("one")]
    reconnect("two")
    assert not watched.is_on
    fail("one")
    assert said(caplog) == [AWAY.format("one"), BACK, AWAY.format("one")]


def test_before_the_first_connection_it_is_over_when_the_engine_listens(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        DRIVER.error("Connection failed: %s (retrying in %s seconds)", "refused", 1)
    watched.end()
    assert [line.partition(",")[0] for line in said(caplog)] == ["The message broker does not answer", BACK]


def test_a_connection_that_was_given_up_hides_no_later_outage(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail("one")
    later = time.monotonic() + broker_log._SILENCE + 1
    monkeypatch.setattr(broker_log.time, "monotonic", lambda: later)
    assert not watched.is_on
    fail("two")
    assert said(caplog) == [AWAY.format("one"), BACK, AWAY.format("two")]


def test_everything_else_is_left_as_it_is(watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture) -> None:
    DRIVER.warning("Queue %s is stuck", "q")
    assert said(caplog) == ["Queue q is stuck"]
    assert not watched.is_on


OTHER = (
    "Queue.declare: (406) PRECONDITION_FAILED - inequivalent arg 'durable' for queue 'ha_engine' in vhost 'v'"
    ": received 'true' but current is 'false'"
)
THEN = "Exchange.declare: (406) PRECONDITION_FAILED - inequivalent arg 'durable' for the exchange"
DELETE = "rabbitmqctl delete_queue -p v ha_engine"


def conflict() -> None:
    DRIVER.warning(
        "[%s] Queue %s could not be declared probably because of conflicting configurations: %s",
        "one",
        "ha_engine",
        OTHER,
    )


def refuse(said: str) -> None:
    DRIVER.error(
        "Failed to declare consumer for topic '%(topic)s': %(err_str)s", {"topic": "t", "err_str": said}
    )
    DRIVER.error(f"Unable to connect to AMQP server on b:5672 after inf tries: {said}")


def test_a_refusal_is_left_to_who_asked_and_told_by_its_first_cause(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        conflict()
        refuse(THEN)
    assert not said(caplog)
    explained = watched.refuse(RuntimeError(THEN))
    assert DELETE in explained
    assert watched.reason == explained
    watched.end()
    assert not watched.reason
    assert not said(caplog)


def test_what_the_driver_has_taken_as_it_is_is_told_once(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    conflict()
    watched.end()
    watched.end()
    (line,) = said(caplog)
    assert line.startswith("The message broker has let the engine in, but not as it is configured: ")
    assert DELETE in line


def test_a_refusal_of_a_running_engine_is_told_until_it_is_over(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    watched.end()
    for _ in range(5):
        DRIVER.error("Failed to consume message from queue: %s", OTHER)
        refuse(OTHER)
    assert watched.is_on
    assert DELETE in watched.reason
    reconnect("one")
    assert not watched.is_on
    assert [line.partition(",")[0].partition(":")[0] for line in said(caplog)] == [
        "The message broker refuses the engine",
        "The message broker refuses nothing any more",
    ]


def test_what_else_a_running_engine_cannot_do_is_left_as_it_is(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    watched.end()
    refuse("something new")
    assert len(said(caplog)) == 2
    assert not watched.is_on


def test_tls_that_fails_is_told_with_what_to_check(
    watched: BrokerLogFilter, caplog: pytest.LogCaptureFixture
) -> None:
    DRIVER.error("Connection failed: %s (retrying in %s seconds)", "[SSL: WRONG_VERSION_NUMBER] wrong", 1)
    (line,) = said(caplog)
    assert "there is no TLS at that port of the broker" in line
