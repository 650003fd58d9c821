"""What of a broker's outage is left in the log; the lines are those that oslo.messaging 18 writes."""

import logging
import time
from collections.abc import Iterator

import pytest

from masakari_lite.rpc import outage
from masakari_lite.rpc.outage import Outage

DRIVER = logging.getLogger("oslo.messaging._drivers.impl_rabbit")
AWAY = "The message broker does not answer, trying again: [{}] AMQP server on b:5672 is unreachable: refused"
BACK = "The message broker answers again"


@pytest.fixture
def watched(caplog: pytest.LogCaptureFixture) -> Iterator[Outage]:
    caplog.set_level(logging.INFO)
    watcher = Outage()
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
    watched: Outage, caplog: pytest.LogCaptureFixture
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
    watched: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        DRIVER.error("Connection failed: %s (retrying in %s seconds)", "refused", 1)
    watched.end()
    assert [line.partition(",")[0] for line in said(caplog)] == ["The message broker does not answer", BACK]


def test_a_connection_that_was_given_up_hides_no_later_outage(
    watched: Outage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail("one")
    later = time.monotonic() + outage._SILENCE + 1
    monkeypatch.setattr(outage.time, "monotonic", lambda: later)
    assert not watched.is_on
    fail("two")
    assert said(caplog) == [AWAY.format("one"), BACK, AWAY.format("two")]


def test_everything_else_is_left_as_it_is(watched: Outage, caplog: pytest.LogCaptureFixture) -> None:
    DRIVER.warning("Queue %s is stuck", "q")
    assert said(caplog) == ["Queue q is stuck"]
    assert not watched.is_on
