"""Which drivers of a database an operator is warned of."""

import logging

import pytest
import sqlalchemy as sa

from masakari_lite.journal import connection


@pytest.mark.parametrize(("driver", "is_warned_of"), [("psycopg2", True), ("pg8000", False)])
def test_a_driver_that_stops_all_green_threads_is_warned_of(
    driver: str, is_warned_of: bool, caplog: pytest.LogCaptureFixture
) -> None:
    dialect = sa.make_url(f"postgresql+{driver}://").get_dialect()()
    with caplog.at_level(logging.WARNING):
        connection.warn_of_driver(dialect)
    assert (f"connection uses {driver}, which may stop" in caplog.text) is is_warned_of


def test_nothing_is_said_of_others(caplog: pytest.LogCaptureFixture) -> None:
    connection.warn_of_driver(sa.create_engine("sqlite://").dialect)
    assert not caplog.records
