"""How soon Nova is polled again."""

import itertools
import types

import pytest

from masakari_lite.compute import pace

LONGEST = 1.0


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", types.SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep))
    return clock


def poll(clock: Clock, pacer: pace.Pace, took: float, polled_at: float) -> float:
    """Poll once when that is due; returns when it began."""
    pacer.wait(polled_at, LONGEST)
    begun = clock.now
    clock.sleep(took)
    pacer.note(took, LONGEST)
    return begun


def intervals(clock: Clock, pacer: pace.Pace, took: float, count: int = 20) -> list[float]:
    times = [clock.now]
    for _ in range(count):
        times.append(poll(clock, pacer, took, times[-1]))
    return [later - sooner for sooner, later in itertools.pairwise(times[1:])]


def test_quick_answers_are_asked_for_ten_times_a_second(clock: Clock) -> None:
    assert intervals(clock, pace.Pace(), took=0.001) == pytest.approx([pace.SHORTEST] * 19)


def test_polls_take_a_twentieth_of_the_time(clock: Clock) -> None:
    assert intervals(clock, pace.Pace(), took=0.02) == pytest.approx([0.02 * 20 + 0.02] * 19)


def test_slow_answers_are_asked_for_once_an_interval(clock: Clock) -> None:
    found = intervals(clock, pace.Pace(), took=0.3)
    assert found == pytest.approx([LONGEST] * 19)


def test_recoveries_share_what_polls_may_take(clock: Clock) -> None:
    """Four hosts, polled in turn: each is polled a quarter as often as one alone."""
    pacer, polled_at = pace.Pace(), [clock.now] * 4
    begun = clock.now
    for number in range(40):
        polled_at[number % 4] = poll(clock, pacer, 0.01, polled_at[number % 4])
    assert 40 * 0.01 / (clock.now - begun) < 0.06


def test_a_slow_answer_is_soon_forgotten(clock: Clock) -> None:
    pacer = pace.Pace()
    for _ in range(10):
        poll(clock, pacer, 5.0, clock.now)
    begun = clock.now
    pacer.wait(begun, LONGEST)
    assert clock.now - begun <= LONGEST


def test_a_short_interval_is_kept(clock: Clock) -> None:
    pacer = pace.Pace()
    begun = clock.now
    pacer.wait(begun, 0.02)
    assert clock.now - begun == pytest.approx(0.02)
