"""The codes of reasons: programs rely on them, so each of them is pinned here."""

import pathlib

import pytest

from masakari_lite import exceptions, reasons
from masakari_lite.reasons import Reason, find_reason

PAGE = pathlib.Path(__file__).parents[2] / "doc" / "source" / "reference" / "reasons.rst"

CODES = {
    "cell_unavailable",
    "claim_lost",
    "compute_service_not_found",
    "configuration_error",
    "coordination_error",
    "duplicate_notification",
    "engine_stopping",
    "engine_stuck",
    "evacuation_failed",
    "evacuation_refused",
    "host_returned",
    "host_still_up",
    "instance_not_found",
    "invalid_input",
    "journal_error",
    "journal_outdated",
    "masakari_lite_error",
    "no_valid_host",
    "notification_not_found",
    "nova_bad_request",
    "nova_conflict",
    "nova_error",
    "nova_forbidden",
    "nova_not_supported",
    "nova_unanswered",
    "nova_unavailable",
    "nova_wrong_state",
    "recovery_error",
    "recovery_left",
    "wait_timeout",
}


def test_every_error_has_a_code_of_its_own():
    errors = [
        found
        for found in vars(exceptions).values()
        if isinstance(found, type) and issubclass(found, exceptions.MasakariLiteError)
    ]
    assert sorted(found.code for found in errors) == sorted(CODES)
    assert not CODES & set(Reason)


def test_a_column_takes_each():
    assert all(len(code) <= 64 for code in CODES | set(Reason))


@pytest.mark.parametrize(
    ("error", "reason"),
    [(exceptions.NoValidHost("x"), "no_valid_host"), (ZeroDivisionError("x"), "unexpected")],
)
def test_the_reason_of_an_error(error, reason):
    assert find_reason(error) == reason


def test_the_documentation_has_each():
    assert PAGE.read_text() == reasons.describe()
