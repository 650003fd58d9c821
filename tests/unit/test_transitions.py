"""The tables of what may follow which status and step."""

import pathlib

import pytest

from masakari_lite import transitions
from masakari_lite.models import NotificationStatus, Step, VMoveStatus

PAGE = pathlib.Path(__file__).parents[2] / "doc" / "source" / "reference" / "transitions.rst"


@pytest.mark.parametrize(
    ("table", "states"),
    [
        (transitions.NOTIFICATION, NotificationStatus),
        (transitions.VMOVE, VMoveStatus),
        (transitions.STEP, Step),
    ],
)
def test_each_state_has_a_row(table, states):
    assert set(table) == set(states)
    assert all(state not in followers for state, followers in table.items())


def test_no_engine_starts_what_is_final():
    for status in NotificationStatus:
        may_start = NotificationStatus.RUNNING in transitions.NOTIFICATION[status]
        assert status.is_final == (not may_start and status is not NotificationStatus.RUNNING)


@pytest.mark.parametrize(
    ("before", "after", "is_known"),
    [
        (NotificationStatus.NEW, NotificationStatus.RUNNING, True),
        (NotificationStatus.RUNNING, NotificationStatus.RUNNING, True),
        (NotificationStatus.FAILED, NotificationStatus.RUNNING, False),
        (NotificationStatus.IGNORED, NotificationStatus.FINISHED, False),
    ],
)
def test_a_change_that_is_not_in_the_table_is_logged(caplog, before, after, is_known):
    transitions.check(transitions.NOTIFICATION, before, after, "status of x")
    assert bool(caplog.records) != is_known
    assert is_known or f"of the status of x from {before} to {after}" in caplog.text


def test_the_documentation_shows_the_tables_as_they_are():
    assert PAGE.read_text() == transitions.describe()
