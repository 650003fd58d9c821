"""Whether and when what failed is tried again, case by case."""

import datetime

import pytest
from oslo_config import cfg

from masakari_lite import clocks, exceptions
from masakari_lite import conf as options
from masakari_lite.journal.clock import JournalClock
from masakari_lite.recovery import retries

NOW = datetime.datetime(2026, 2, 28, 23, 59, 0)

COUNTED = [
    exceptions.EvacuationFailed("no luck"),
    exceptions.NoValidHost("no luck"),
    exceptions.HostStillUp("no luck"),
    exceptions.NovaConflict("no luck"),
    exceptions.NovaForbidden("no luck"),
    exceptions.WaitTimeout("no luck"),
    RuntimeError("no luck"),
]
UNANSWERED = [exceptions.NovaUnavailable("no luck", retry_after=5), exceptions.NovaUnanswered("no luck")]


@pytest.fixture
def judge(monkeypatch):
    """Judge at NOW: judge(error, attempts, option=value)."""

    def make(error, attempts, is_counted=True, **changes):
        conf = cfg.ConfigOpts()
        options.register_opts(conf)
        conf([], project="masakari", default_config_files=[], default_config_dirs=[])
        for name, value in changes.items():
            conf.set_override(name, value, group="host_failure")
        return retries.judge(conf, JournalClock(lambda: NOW), error, attempts, is_counted)

    monkeypatch.setattr(clocks, "steady", lambda: 0.0)
    return make


def kind(error):
    return type(error).__name__


@pytest.mark.parametrize(
    ("attempts", "interval", "pause"),
    [
        (0, 60, 60),
        (1, 60, 60),
        (2, 60, 120),
        (3, 60, 240),
        (4, 60, 480),
        (5, 60, 600),
        (6, 60, 600),
        (10**6, 60, 600),
        (1, 0.5, 0.5),
        (3, 0.5, 2),
        (1, 3600, 600),
        (1, 0, 0),
        (5, 0, 0),
    ],
)
def test_the_pauses(judge, attempts, interval, pause):
    verdict = judge(COUNTED[0], attempts, evacuation_attempts=10**7, evacuation_retry_interval=interval)
    assert (verdict.retry_at - NOW).total_seconds() == pause


@pytest.mark.parametrize("error", COUNTED, ids=kind)
class TestCounted:
    @pytest.mark.parametrize("attempts", [1, 2, 3, 4])
    def test_another_try_is_left(self, judge, error, attempts):
        verdict = judge(error, attempts)
        assert verdict.retry_at > NOW
        assert verdict.message.startswith("no luck")
        assert "given up" not in verdict.message

    @pytest.mark.parametrize(("attempts", "limit"), [(5, 5), (6, 5), (1, 1), (2, 1), (3, 3)])
    def test_the_last_try(self, judge, error, attempts, limit):
        verdict = judge(error, attempts, evacuation_attempts=limit)
        assert verdict == retries.Verdict(
            None, f"no luck (given up after {attempts} attempts, evacuation_attempts)"
        )


def test_the_operator_is_told_when(judge):
    retry_at = judge(COUNTED[0], 1).retry_at
    assert retries.describe("no luck", retry_at) == "no luck; retried at 2026-03-01 00:00:00 UTC"
    assert retries.describe("no luck", None) == "no luck"


@pytest.mark.parametrize("attempts", [1, 4, 5, 99])
def test_what_was_refused_is_never_tried_again(judge, attempts):
    refusal = exceptions.EvacuationRefused("check on which host it runs")
    assert judge(refusal, attempts) == retries.Verdict(None, "check on which host it runs")


def test_what_found_no_host_waits_for_room(judge):
    assert judge(exceptions.NoValidHost("no luck"), 1).message == "no luck (waiting for room)"
    assert "room" not in judge(exceptions.NoValidHost("no luck"), 5).message


@pytest.mark.parametrize("error", COUNTED, ids=kind)
def test_nothing_else_does(judge, error):
    assert ("room" in judge(error, 1).message) == isinstance(error, exceptions.NoValidHost)


@pytest.mark.parametrize("error", UNANSWERED, ids=kind)
@pytest.mark.parametrize(("attempts", "limit", "pause"), [(1, 1, 60), (5, 5, 600), (99, 5, 600)])
def test_what_was_not_answered_is_tried_for_ever(judge, error, attempts, limit, pause):
    assert not retries.is_counted(error)
    verdict = judge(error, attempts, False, evacuation_attempts=limit)
    assert verdict == retries.Verdict(NOW + datetime.timedelta(seconds=pause), "no luck")
