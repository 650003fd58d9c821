"""What is asked before a recovery begins, and what is reported of it."""

import dataclasses
import logging

import pytest

from masakari_lite.engine.admission import Admission
from masakari_lite.engine.events import Event, Events
from masakari_lite.models import NotificationStatus
from tests.unit.engine.test_selection import build


@pytest.mark.parametrize(
    ("answers", "objection"),
    [([], ""), (["", ""], ""), (["", "half of them are down", "later"], "half")],
)
def test_the_first_check_that_objects_holds_a_recovery(answers, objection):
    checks = [lambda _notification, answer=answer: answer for answer in answers]
    found = Admission(checks).find_objection(build("notification"))
    assert found.startswith(objection)
    assert bool(found) == bool(objection)


def test_every_listener_is_called_and_one_that_fails_disturbs_nobody(caplog):
    heard, events, notification = [], Events(), build("notification")

    def fail(*_arguments):
        raise ZeroDivisionError("oops")

    events.subscribe(fail)
    events.subscribe(lambda event, about, details: heard.append((event, about, details)))
    events.emit(Event.RESUMED, notification, former_owner="engine-2")
    assert heard == [(Event.RESUMED, notification, {"former_owner": "engine-2"})]
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]


@pytest.mark.parametrize(
    ("event", "details", "level", "words"),
    [
        (Event.STARTED, {}, logging.INFO, "Recovering host compute-1 (attempt 3)"),
        (Event.RESUMED, {"former_owner": None}, logging.WARNING, "(left by engine unknown)"),
        (
            Event.COMPLETED,
            {"status": NotificationStatus.FINISHED, "message": "2 succeeded"},
            logging.INFO,
            "Recovery of host compute-1: finished, 2 succeeded",
        ),
        (
            Event.COMPLETED,
            {"status": NotificationStatus.FAILED, "message": "1 failed"},
            logging.ERROR,
            "Recovery of host compute-1: failed, 1 failed",
        ),
        (
            Event.LEFT,
            {"level": logging.WARNING, "resumed": "later", "cause": "stopping"},
            logging.WARNING,
            "left, resumed later: stopping",
        ),
    ],
)
def test_the_log_has_each_event(caplog, event, details, level, words):
    caplog.set_level(logging.INFO)
    Events().emit(event, dataclasses.replace(build("notification"), attempts=3), **details)
    (record,) = caplog.records
    assert (record.levelno, words in record.getMessage()) == (level, True)
    assert "[notification]" in record.getMessage()
