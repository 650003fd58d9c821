"""Waiting for a condition, with a limit."""

import time

import pytest

from masakari_lite import exceptions, polling


def test_the_first_true_answer_ends_the_waiting():
    answers = iter([None, 0, "", "here", "too late"])
    assert polling.wait_until(lambda: next(answers), 0, 5, "it") == "here"
    assert next(answers) == "too late"


def test_a_condition_that_holds_already_is_not_waited_for():
    began = time.monotonic()
    assert polling.wait_until(lambda: True, 60, 60, "it")
    assert time.monotonic() - began < 50


def test_with_no_time_it_is_asked_once():
    asked = []
    with pytest.raises(exceptions.WaitTimeout, match="the end: not within 0 s"):
        polling.wait_until(lambda: asked.append(1), 1, 0, "the end")
    assert len(asked) == 1


def test_it_is_asked_once_more_when_the_time_is_over():
    deadline = time.monotonic() + 0.05
    # true only after the deadline, and the interval is far longer than the limit
    assert polling.wait_until(lambda: time.monotonic() >= deadline, 60, 0.05, "it")
    assert time.monotonic() - deadline < 50


def test_the_limit_is_kept_with_a_long_interval():
    began = time.monotonic()
    with pytest.raises(exceptions.WaitTimeout, match=r"it: not within 0\.05 s"):
        polling.wait_until(lambda: None, 60, 0.05, "it")
    assert time.monotonic() - began < 50


def test_an_error_of_the_predicate_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        polling.wait_until(lambda: 1 / 0, 1, 1, "it")
