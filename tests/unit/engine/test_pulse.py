"""The sign of life: it ends when only a restart helps, and not before."""

import logging
import os
import pathlib

import pytest

from masakari_lite import exceptions
from masakari_lite.engine import looks, pulse
from masakari_lite.engine.systemd import Notifier


class Heard(Notifier):
    """Remembers what it was to tell."""

    def __init__(self, **arguments):
        super().__init__("@nobody", **arguments)
        self.messages = []

    def _send(self, message):
        self.messages.append(message)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(looks, "_PATIENCE", -1.0)


def look():
    pass


class TestLooks:
    def test_those_that_come_back_in_time_are_fine(self):
        watched = looks.Looks(lambda: True)
        watched.watch(look, 60)()
        assert watched.check()

    def test_one_that_does_not_come_back_is_named(self, impatient):
        watched = looks.Looks(lambda: True)
        watched.watch(look, 0)
        with pytest.raises(exceptions.EngineStuck, match=r"^look has not come back"):
            watched.check()

    def test_one_may_wait_for_a_journal_that_is_away(self, impatient):
        watched = looks.Looks(lambda: False)
        watched.watch(look, 0)
        assert watched.check()

    def test_one_that_came_back_with_an_error_came_back(self, monkeypatch, impatient):
        def fail():
            raise exceptions.JournalError("away")

        watched = looks.Looks(lambda: True)
        failing = watched.watch(fail, 0)
        monkeypatch.setattr(looks, "_PATIENCE", 60.0)
        with pytest.raises(exceptions.JournalError):
            failing()
        assert watched.check()


class TestPulse:
    def test_it_beats_for_systemd_and_in_the_file(self, tmp_path):
        heard = Heard(watchdog=4.0)
        path = tmp_path / "pulse"
        heart = pulse.Pulse(path, heard, lambda: None)
        assert heart.interval == 2.0
        assert pulse.find_age(path) is None
        heart.beat()
        assert pulse.find_age(path) < pulse.LIMIT
        assert heard.messages == [f"WATCHDOG=1\nEXTEND_TIMEOUT_USEC={int(pulse.LIMIT * 1e6)}"]
        heart.end()
        assert pulse.find_age(path) is None

    def test_none_when_the_engine_is_stuck(self, tmp_path, caplog):
        def check():
            if is_stuck:
                raise exceptions.EngineStuck("look has not come back")

        heard = Heard(watchdog=4.0)
        heard.tell_ready()
        path = tmp_path / "pulse"
        heart = pulse.Pulse(path, heard, check)
        is_stuck = False
        heart.beat()
        os.utime(path, (0, 0))
        is_stuck = True
        with caplog.at_level(logging.ERROR):
            heart.beat()
            heart.beat()
        assert heard.messages == ["READY=1", "WATCHDOG=1"]
        assert pulse.find_age(path) > pulse.LIMIT
        assert [record.getMessage() for record in caplog.records] == [
            "The engine gives no more sign of life: look has not come back"
        ]
        is_stuck = False
        heart.beat()
        assert heard.messages == ["READY=1", "WATCHDOG=1", "WATCHDOG=1"]

    def test_a_file_that_cannot_be_written_does_not_end_it(self):
        heard = Heard(watchdog=4.0)
        heart = pulse.Pulse(pathlib.Path("/proc/nowhere/pulse"), heard, lambda: None)
        heart.beat()
        heart.end()
        assert heard.messages
