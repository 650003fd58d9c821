"""Which drivers of a database an operator is warned of."""

import logging

import pytest
import sqlalchemy as sa

from masakari_lite.journal import connection


@pytest.mark.parametrize(
    ("kind", "driver", "is_warned_of"),
    [
        ("postgresql", "psycopg2", True),
        ("postgresql", "pg8000", False),
        ("mysql", "mysqldb", True),
        ("mysql", "pymysql", False),
    ],
)
def test_a_driver_that_stops_all_green_threads_is_warned_of(
    kind: str, driver: str, is_warned_of: bool, caplog: pytest.LogCaptureFixture
) -> None:
    dialect = sa.make_url(f"{kind}+{driver}://").get_dialect()()
    with caplog.at_level(logging.WARNING):
        connection.warn_of_driver(dialect)
    assert (f"connection uses {driver}, which may stop" in caplog.text) is is_warned_of


def test_nothing_is_said_of_others(caplog: pytest.LogCaptureFixture) -> None:
    connection.warn_of_driver(sa.create_engine("sqlite://").dialect)
    assert not caplog.records


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("mysql+pymysql://h/d", {"connect_timeout": 10, "read_timeout": 30, "write_timeout": 30}),
        (
            "mysql+pymysql://h/d?read_timeout=7",
            {"connect_timeout": 10, "read_timeout": 7, "write_timeout": 30},
        ),
        ("sqlite://", {}),
    ],
)
def test_no_server_is_waited_for_without_a_limit(
    url: str, wanted: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that has lost its power answers nothing, and does not close its connections either."""
    seen: dict[str, int] = {}

    def connect(*_args: object, **parameters: int) -> None:
        seen.update(parameters)
        raise ConnectionError

    engine = sa.create_engine(url)
    monkeypatch.setattr(engine.dialect, "connect", connect)
    connection.limit_waits(engine)
    with pytest.raises(ConnectionError):
        engine.connect()
    assert {name: value for name, value in seen.items() if name.endswith("_timeout")} == wanted
