"""How far another clock differs from this machine's is logged once."""

import logging

import pytest

from masakari_lite import clocks

LOG = logging.getLogger("masakari_lite.test")


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, LOG.name)
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.fixture
def skew():
    return clocks.Skew(LOG, "Nova's")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (300.6, "5 min 1 s"),
        (3600, "1 h"),
        (10_859.6, "3 h 1 min"),
        (17_999.4, "5 h"),
        (86_399, "1 d"),
        (90_061, "1 d 1 h"),
        (10**9, "11574 d 2 h"),
    ],
)
def test_lengths_of_time_in_words(seconds, words):
    assert clocks.describe(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(300, "Nova's clock is 5 min ahead of this"), (-10800, "Nova's clock is 3 h behind this machine's")],
)
def test_a_skew_is_told_once_with_its_size(skew, said, seconds, words):
    for _ in range(3):
        skew.note(seconds, seconds)
    (message,) = said()
    assert message.startswith(words)
    assert "NTP" in message


@pytest.mark.parametrize(
    ("least", "most"), [(0, 0), (5, 5), (-5, -5), (-3600, 3600), (4, 3600), (-3600, -4), (-60, 4)]
)
def test_what_may_be_a_slow_answer_is_no_skew(skew, said, least, most):
    skew.note(least, most)
    assert not said()


def test_its_end_is_told_and_another_one(skew, said):
    for seconds in (60, 0, 0, -60):
        skew.note(seconds, seconds)
    assert [message.split(":")[0] for message in said()] == [
        "Nova's clock is 1 min ahead of this machine's",
        "Nova's clock agrees with this machine's again",
        "Nova's clock is 1 min behind this machine's",
    ]


def test_the_steady_clock_goes_on(monkeypatch):
    before = clocks.steady()
    monkeypatch.setattr(clocks.timeutils, "utcnow", lambda: pytest.fail("that is set by people"))
    assert clocks.steady() >= before
