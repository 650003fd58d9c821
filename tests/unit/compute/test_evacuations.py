"""Evacuation records are polled once for all hosts, and each host receives its own."""

import datetime
import itertools

import pytest

from masakari_lite import clocks, exceptions, polling
from masakari_lite.compute.evacuations import CLOCK_MARGIN, EvacuationPoller
from masakari_lite.compute.pace import Pace
from masakari_lite.models import Migration

NOW = datetime.datetime(2026, 11, 30, 12)
INTERVAL = 1.0


class FakeMigrations:
    """Evacuation records that change; it notes what it was asked for."""

    def __init__(self):
        self.asked = []
        self.records = []
        self.error = None

    def list_evacuations(self, host=None, since=None):
        self.asked.append((host, since))
        if self.error:
            raise self.error
        return [record for record in self.records if host in (None, record.source_host)]


class Time:
    """The time that passes when somebody sleeps."""

    def __init__(self):
        self.passed = 1000.0

    def sleep(self, seconds):
        self.passed += seconds

    def read(self):
        return self.passed


@pytest.fixture
def time(monkeypatch):
    fake = Time()
    monkeypatch.setattr("time.monotonic", fake.read)
    monkeypatch.setattr("time.sleep", fake.sleep)
    monkeypatch.setattr(clocks, "steady", fake.read)
    return fake


@pytest.fixture
def migrations():
    return FakeMigrations()


@pytest.fixture
def poller(migrations):
    return EvacuationPoller(migrations, Pace())


def follow(poller, host, ago=0.0):
    received = []
    moment = NOW - datetime.timedelta(seconds=ago)
    poller.follow(host, clocks.Reading(moment, clocks.steady()), received.extend)
    return received


def poll(poller):
    poller.poll(INTERVAL)


def build_record(number, host):
    return Migration(number, f"instance-{number}", "evacuation", "done", host, "compute-9")


def test_several_hosts_are_polled_by_one_request(time, migrations, poller):
    first, second = follow(poller, "compute-1"), follow(poller, "compute-2")
    migrations.records = [
        build_record(1, "compute-1"),
        build_record(2, "compute-2"),
        build_record(3, "other"),
    ]
    poll(poller)
    assert [host for host, _since in migrations.asked] == [None]
    assert [record.id for record in first] == [1]
    assert [record.id for record in second] == [2]


def test_of_a_single_host_nothing_else_is_listed(time, migrations, poller):
    follow(poller, "compute-1"), follow(poller, "compute-2")
    poller.unfollow("compute-2")
    poll(poller)
    assert migrations.asked[0][0] == "compute-1"


def test_it_polls_while_somebody_waits(migrations, poller):
    follow(poller, "compute-1")
    with poller.polled(0.05), poller.polled(0.05):
        polling.wait_until(lambda: len(migrations.asked) >= 3, 0.01, 30, "three polls")
        most = len(migrations.asked)
    polling.wait_until(lambda: not poller.is_polling, 0.01, 30, "the end")
    assert len(migrations.asked) <= most + 1
    with poller.polled(0.05):
        polling.wait_until(lambda: len(migrations.asked) > most + 1, 0.01, 30, "another poll")


def test_a_host_of_which_nothing_is_new_is_told_nothing(time, migrations, poller):
    first, second = follow(poller, "compute-1"), follow(poller, "compute-2")
    migrations.records = [build_record(1, "compute-1")]
    poll(poller)
    assert (len(first), second) == (1, [])


def test_without_hosts_nothing_is_asked(time, migrations, poller):
    poll(poller)
    assert not migrations.asked


def test_a_poll_asks_for_what_has_changed_since_the_last_one(time, migrations, poller):
    follow(poller, "compute-1")
    poll(poller)
    for _ in range(3):
        time.sleep(INTERVAL)
        poll(poller)
    since = [moment for _host, moment in migrations.asked]
    assert since[0] == NOW - CLOCK_MARGIN
    assert since[1] == NOW
    assert since[3] - since[2] >= datetime.timedelta(seconds=INTERVAL)


def test_now_and_then_a_poll_allows_for_clocks_that_differ(time, migrations, poller):
    """Each change is listed by a poll with the margin, too."""
    follow(poller, "compute-1")
    for _ in range(40):
        poll(poller)
        time.sleep(INTERVAL)
    since = [moment for _host, moment in migrations.asked]
    with_margin = [later for sooner, later in itertools.pairwise(since) if later < sooner]
    assert 3 <= len(with_margin) <= 4
    gaps = {later - sooner for sooner, later in itertools.pairwise(with_margin)}
    assert max(gaps) <= datetime.timedelta(seconds=11 * INTERVAL)


def test_what_was_not_answered_is_asked_again(time, migrations, poller, caplog):
    follow(poller, "compute-1")
    poll(poller)
    migrations.error = exceptions.NovaUnavailable("not now")
    for _ in range(3):
        poll(poller)
        assert not poller.answered_at
    migrations.error = None
    poll(poller)
    assert poller.answered_at
    since = [moment for _host, moment in migrations.asked]
    assert since[1] == since[2] == since[3] == since[4]
    assert [record.message for record in caplog.records] == [
        "Evacuations cannot be polled, trying again: not now",
        "Evacuations are polled again",
    ]


def test_a_host_that_joins_misses_nothing(time, migrations, poller):
    follow(poller, "compute-1")
    poll(poller)
    time.sleep(8)
    poll(poller)
    follow(poller, "compute-2", ago=5)  # its records were listed a while ago
    poll(poller)
    assert migrations.asked[-1] == (None, NOW - datetime.timedelta(seconds=5))


def test_after_a_pause_nothing_of_long_ago_is_listed(time, migrations, poller):
    follow(poller, "compute-1", ago=7200)
    poll(poller)
    poller.unfollow("compute-1")
    follow(poller, "compute-2")
    time.sleep(20)
    poll(poller)
    assert migrations.asked[-1] == ("compute-2", NOW - CLOCK_MARGIN)
