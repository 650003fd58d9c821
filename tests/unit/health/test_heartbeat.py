"""The heartbeat: it stops when only a restart helps, and not before."""

import logging
import os
import pathlib
import time

import pytest

from masakari_lite import clocks, exceptions
from masakari_lite.health import heartbeat, watchdog
from masakari_lite.health.systemd import Notifier


class Heard(Notifier):
    """Remembers what it was to tell."""

    def __init__(self, **arguments):
        super().__init__("@nobody", **arguments)
        self.messages = []

    def _send(self, message):
        self.messages.append(message)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(watchdog, "_LIMIT", -1.0)


def look():
    pass


class TestLooks:
    def test_those_that_come_back_in_time_are_fine(self):
        watched = watchdog.PollWatchdog(lambda: True)
        watched.watch(look, 60)()
        assert watched.check()

    def test_one_that_does_not_come_back_is_named(self, impatient):
        watched = watchdog.PollWatchdog(lambda: True)
        watched.watch(look, 0)
        with pytest.raises(exceptions.EngineStuck, match=r"^look has not returned"):
            watched.check()

    def test_one_may_wait_for_a_journal_that_is_away(self, impatient):
        watched = watchdog.PollWatchdog(lambda: False)
        watched.watch(look, 0)
        assert watched.check()

    def test_one_that_came_back_with_an_error_came_back(self, monkeypatch, impatient):
        def fail():
            raise exceptions.JournalError("away")

        watched = watchdog.PollWatchdog(lambda: True)
        failing = watched.watch(fail, 0)
        monkeypatch.setattr(watchdog, "_LIMIT", 60.0)
        with pytest.raises(exceptions.JournalError):
            failing()
        assert watched.check()


class TestPulse:
    def test_it_beats_for_systemd_and_in_the_file(self, tmp_path):
        heard = Heard(watchdog=4.0)
        path = tmp_path / "pulse"
        heart = heartbeat.Heartbeat(path, heard, lambda: None)
        assert heart.interval == 2.0
        assert heartbeat.find_age(path) is None
        heart.beat()
        assert heartbeat.find_age(path) < heartbeat.LIMIT
        assert heard.messages == [f"WATCHDOG=1\nEXTEND_TIMEOUT_USEC={int(heartbeat.LIMIT * 1e6)}"]
        heart.end()
        assert heartbeat.find_age(path) is None

    def test_none_when_the_engine_is_stuck(self, tmp_path, caplog):
        def check():
            if is_stuck:
                raise exceptions.EngineStuck("look has not returned")

        heard = Heard(watchdog=4.0)
        heard.tell_ready()
        path = tmp_path / "pulse"
        heart = heartbeat.Heartbeat(path, heard, check)
        is_stuck = False
        heart.beat()
        os.utime(path, (0, 0))
        is_stuck = True
        with caplog.at_level(logging.ERROR):
            heart.beat()
            heart.beat()
        assert heard.messages == ["READY=1", "WATCHDOG=1"]
        assert heartbeat.find_age(path) > heartbeat.LIMIT
        assert [record.getMessage() for record in caplog.records] == [
            "The heartbeat stops, as the engine is stuck: look has not returned"
        ]
        is_stuck = False
        heart.beat()
        assert heard.messages == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]

    @pytest.mark.parametrize("seconds", [-86400, 86400])
    def test_a_clock_that_is_set_does_not_matter(self, tmp_path, monkeypatch, seconds):
        path = tmp_path / "pulse"
        heartbeat.Heartbeat(path, Heard(), lambda: None).beat()
        then = time.time() + seconds
        monkeypatch.setattr(time, "time", lambda: then)
        assert heartbeat.find_age(path) < heartbeat.LIMIT
        now = clocks.steady()
        monkeypatch.setattr(clocks, "steady", lambda: now + heartbeat.LIMIT + 1)
        assert heartbeat.find_age(path) > heartbeat.LIMIT

    def test_one_of_before_the_machine_was_started_is_none(self, tmp_path):
        path = tmp_path / "pulse"
        path.touch()  # an engine of an earlier release's, too
        assert heartbeat.find_age(path) is None
        os.utime(path, (clocks.steady() + 60,) * 2)
        assert heartbeat.find_age(path) is None

    def test_a_file_that_cannot_be_written_does_not_end_it(self):
        heard = Heard(watchdog=4.0)
        heart = heartbeat.Heartbeat(pathlib.Path("/proc/nowhere/pulse"), heard, lambda: None)
        heart.beat()
        heart.end()
        assert heard.messages
