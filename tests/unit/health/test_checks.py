"""The health checks: what they say, when one fails, and when one hangs."""

import threading
import time

from masakari_lite import exceptions, polling
from masakari_lite.health.checks import HealthChecks


def test_what_each_check_says():
    def fail():
        raise exceptions.NovaUnavailable("it is away")

    def break_down():
        raise KeyError("x")

    found = HealthChecks({"journal": lambda: "can be read", "nova": fail, "odd": break_down}).check()
    assert found == {
        "journal": {"ok": True, "message": "can be read"},
        "nova": {"ok": False, "message": "it is away"},
        "odd": {"ok": False, "message": "unexpected KeyError: 'x'"},
    }


def test_the_checks_run_at_once():
    both = threading.Barrier(2)

    def meet():
        both.wait(timeout=30)
        return "met"

    found = HealthChecks({"one": meet, "other": meet}).check()
    assert [check["message"] for check in found.values()] == ["met", "met"]


def test_one_that_hangs_keeps_nobody_waiting_and_is_not_begun_again():
    calls = []
    release = threading.Event()

    def hang():
        calls.append(time.monotonic())
        release.wait(timeout=60)
        return "back"

    health = HealthChecks({"journal": lambda: "can be read", "nova": hang}, limit=0.1)
    for _ in range(2):
        begun = time.monotonic()
        found = health.check()
        assert time.monotonic() - begun < 50
        assert found["journal"]["ok"]
        assert not found["nova"]["ok"]
        assert found["nova"]["message"].startswith("no answer for ")
    assert len(calls) == 1
    release.set()
    polling.wait_until(lambda: health.check()["nova"]["ok"], 0.01, 30, "the check's end")


def test_a_result_that_is_young_enough_is_returned_again():
    calls = []

    def count(name):
        calls.append(name)
        return "fine"

    checks = {"nova": lambda: count("nova"), "journal": lambda: count("journal")}
    health = HealthChecks(checks, max_ages={"nova": 60.0})
    assert health.check() == health.check()
    assert sorted(calls) == ["journal", "journal", "nova"]
