"""How far a recovery is, for hosts with few and with thousands of instances."""

import json

import pytest

from masakari_lite.journal.store import Journal
from masakari_lite.recovery import progress as progress_module
from masakari_lite.recovery.progress import ProgressLog
from tests.unit.journal.conftest import build_notification, load


@pytest.fixture
def journal(tmp_path):
    opened = Journal(load(f"sqlite:///{tmp_path}/journal.sqlite"))
    yield opened
    opened.close()


@pytest.fixture
def notes(journal):
    """Say so many things, and read what the journal has of them."""

    def say(count):
        taken = journal.notifications.claim(journal.notifications.add(build_notification()), "engine")
        progress = ProgressLog(journal, taken)
        progress.begin("PrepareHAEnabledInstancesTask")
        progress.say("listed", 1.0)
        progress.begin("EvacuateInstancesTask")
        for number in range(1, count + 1):
            progress.say(f"instance {number}", number / count)
        progress.end("SUCCESS")
        first, second = journal.notifications.get(taken.notification_uuid).progress
        assert [note["message"] for note in first["progress_details"]] == ["listed"]
        assert second["progress"] == 1.0
        return second["progress_details"]

    return say


def test_all_notes_of_a_hundred_are_kept(notes):
    assert [note["message"] for note in notes(100)] == [f"instance {number}" for number in range(1, 101)]


@pytest.mark.parametrize("count", [101, 102, 250])
def test_of_more_the_last_ones_are_kept_and_it_is_said_how_many_are_not(notes, count):
    first, *others = (note["message"] for note in notes(count))
    assert first == f"{count - 99} notes of before are left out: the vmoves tell of each instance"
    assert others == [f"instance {number}" for number in range(count - 98, count + 1)]


def test_what_is_written_does_not_grow_with_the_instances(notes):
    assert len(json.dumps(notes(400))) < 1.05 * len(json.dumps(notes(200)))


def test_notes_are_written_together(journal, monkeypatch):
    taken = journal.notifications.claim(journal.notifications.add(build_notification()), "engine")
    progress = ProgressLog(journal, taken)
    moment = 100.0
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: moment)
    writes = []
    monkeypatch.setattr(journal.notifications, "update", lambda *_, **changes: writes.append(changes))
    progress.begin("EvacuateInstancesTask")
    for number in range(10):
        progress.say(f"instance {number}", number / 10)
    assert len(writes) == 2
    moment += 1
    progress.say("the last one", 1.0)
    assert len(writes) == 3
    assert len(writes[-1]["progress"][0]["progress_details"]) == 11
