"""Green threads of which none is lost."""

import time

import eventlet
import greenlet
import pytest
from eventlet import event

from masakari_lite import concurrency


class Gauge:
    """Counts how many run at once, and the most that ever did."""

    def __init__(self):
        self.now = self.most = 0

    def __call__(self, item):
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(3):
            time.sleep(0)
        self.now -= 1
        return item


@pytest.mark.parametrize("limit", [1, 3, 7, 100])
def test_never_more_than_the_limit_at_once(limit):
    gauge = Gauge()
    outcomes = list(concurrency.run_all(gauge, range(50), limit))
    assert sorted(outcome.result for outcome in outcomes) == list(range(50))
    assert gauge.most == min(limit, 50)


def test_nothing_to_do():
    assert list(concurrency.run_all(print, [], 3)) == []


class Special(BaseException):
    """What no ``except Exception`` catches."""


@pytest.mark.parametrize("kind", [ValueError, Special, greenlet.GreenletExit, eventlet.Timeout])
def test_no_failure_is_lost_and_none_stops_the_others(kind):
    def fail_on_odd(number):
        if number % 2:
            raise kind(number)
        return number

    outcomes = {outcome.item: outcome for outcome in concurrency.run_all(fail_on_odd, range(10), 3)}
    assert set(outcomes) == set(range(10))
    for number, outcome in outcomes.items():
        assert isinstance(outcome.error, kind) == bool(number % 2)
        assert outcome.result == (None if number % 2 else number)


def test_a_killed_green_thread_is_a_failure():
    running = event.Event()

    def work(item):
        running.send(greenlet.getcurrent())
        eventlet.sleep(60)

    eventlet.spawn(lambda: eventlet.kill(running.wait()))
    [outcome] = concurrency.run_all(work, ["doomed"], 1)
    assert (outcome.item, type(outcome.error)) == ("doomed", greenlet.GreenletExit)


def test_outcomes_come_as_they_are_there():
    gates = {name: event.Event() for name in "abc"}
    outcomes = concurrency.run_all(lambda name: gates[name].wait(), "abc", 3)
    for name in "cab":
        gates[name].send(name.upper())
        assert next(outcomes).result == name.upper()
    with pytest.raises(StopIteration):
        next(outcomes)


def test_items_are_taken_only_when_a_green_thread_is_free():
    taken = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    outcomes = concurrency.run_all(lambda number: number, items(), 2)
    for number in range(5):
        next(outcomes)
        assert len(taken) == number + 2


def test_items_that_stop_coming_end_it_after_those_that_run():
    stopping = []
    ended = []

    def items():
        number = 0
        while not stopping:
            yield (number := number + 1)

    def work(number):
        time.sleep(0)
        if number == 4:
            stopping.append(True)
        ended.append(number)

    outcomes = [outcome.item for outcome in concurrency.run_all(work, items(), 3)]
    assert sorted(outcomes) == sorted(ended)
    assert 4 in ended
    assert max(ended) <= 6


def test_it_runs_patched():
    assert concurrency.is_patched()


def test_spawned_work_can_be_waited_for():
    assert concurrency.spawn(lambda a, b: a + b, 1, 2).wait() == 3


def test_turns_are_taken_by_so_many_at_once():
    turns = concurrency.Turns(3, 3600)
    gauge = Gauge()

    def take(item):
        with turns.taken():
            return gauge(item)

    assert len(list(concurrency.run_all(take, range(50), 50))) == 50
    assert gauge.most == 3


def test_a_turn_that_takes_long_is_given_to_the_next():
    turns = concurrency.Turns(2, 0.01)
    end = event.Event()

    def take_long(_item):
        with turns.taken():
            end.wait()

    long = [concurrency.spawn(take_long, number) for number in range(2)]
    for _ in range(5):  # more than once each
        with turns.taken():
            pass
    end.send()
    for one in long:
        one.wait()
    gauge = Gauge()

    def take(item):
        with turns.taken():
            return gauge(item)

    assert len(list(concurrency.run_all(take, range(20), 20))) == 20
    assert gauge.most == 2, "each turn was given back once"


def test_a_turn_ends_with_an_error():
    turns = concurrency.Turns(1, 3600)
    for _ in range(3):
        with pytest.raises(ValueError), turns.taken():
            raise ValueError
