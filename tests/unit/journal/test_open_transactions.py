"""An engine that is stopped, or whose machine dies, in mid-write does not keep the others waiting."""

import threading
import time

import pytest

from masakari_lite import concurrency
from masakari_lite.journal import store
from tests.unit.journal.conftest import build_notification, build_vmove, load


@pytest.fixture
def journals(server_url, open_journal):
    """The same journal as two engines have it open."""
    conf = load(server_url)
    store.upgrade(conf)
    return open_journal(conf), open_journal(conf)


@pytest.mark.parametrize("write", ["notification", "moves", "move"])
def test_a_write_that_is_never_committed_keeps_nobody_waiting(journals, write, monkeypatch):
    one, other = journals
    taken = one.notifications.claim(one.notifications.add(build_notification()), "one")
    move = build_vmove(taken)
    one.vmoves.add(taken, [move])

    stopped = threading.Event()

    def stop(_raw):
        stopped.set()
        time.sleep(60)

    def change():
        if write == "notification":
            one.notifications.update(taken, message="x")
        elif write == "moves":
            one.vmoves.add(taken, [build_vmove(taken), build_vmove(taken)])
        else:
            one.vmoves.update(taken, move, message="x")

    monkeypatch.setattr(one._engine.dialect, "do_commit", stop)
    writing = concurrency.spawn(change)
    try:
        assert stopped.wait(30)
        monkeypatch.undo()
        begun = time.monotonic()
        assert other.notifications.claim(other.notifications.get(taken.notification_uuid), "other")
        assert time.monotonic() - begun < 50  # the other sleeps for 60 s
    finally:
        writing.kill()
