"""The journal's times are by its database's clock, whatever the clocks of the engines' machines show."""

import datetime
import logging
import math

import pytest
import sqlalchemy as sa
from oslo_utils import timeutils

from masakari_lite import clocks
from masakari_lite.journal import clock, store
from masakari_lite.models import NotificationStatus
from tests.unit.journal.conftest import build_notification, build_vmove, load

NOON = datetime.datetime(2026, 3, 1, 12, 0)
HOUR = 3600.0


class Hands:
    """A database's clock and this machine's steady one, both moved by the test."""

    def __init__(self):
        self.database = NOON
        self.steady = 0.0
        self.takes = 0.0

    def ask(self):
        self.steady += self.takes
        return self.database

    def jump(self, seconds):
        self.database += datetime.timedelta(seconds=seconds)

    def advance(self, seconds):
        self.jump(seconds)
        self.steady += seconds


@pytest.fixture
def hands(monkeypatch):
    made = Hands()
    monkeypatch.setattr(clocks, "steady", lambda: made.steady)
    monkeypatch.setattr(clocks, "wall", lambda: made.database)
    return made


@pytest.fixture
def ours(hands):
    return clock.JournalClock(hands.ask)


def after(seconds):
    return NOON + datetime.timedelta(seconds=seconds)


class TestBetweenTwoLooks:
    def test_it_goes_on_without_a_question(self, hands, ours):
        hands.steady = 90
        assert ours.now() == after(90)
        assert ours.in_seconds(10) == after(100)

    def test_this_machines_clock_does_not_matter(self, hands, ours, monkeypatch):
        monkeypatch.setattr(clocks, "wall", lambda: after(-HOUR))
        hands.advance(10)
        ours.check()
        assert ours.now() == after(10)


class TestJumps:
    @pytest.mark.parametrize("seconds", [HOUR, -HOUR])
    def test_one_is_followed_and_logged(self, hands, ours, caplog, seconds):
        hands.jump(seconds)
        with caplog.at_level(logging.WARNING):
            ours.check()
            ours.check()
        assert ours.now() == after(seconds)
        (record,) = caplog.records
        assert "the database's, has jumped" in record.getMessage()
        assert f"{'forward' if seconds > 0 else 'back'} by 1 h" in record.getMessage()

    @pytest.mark.parametrize(("seconds", "takes"), [(4, 0), (-4, 0), (8, 4), (0, 30)])
    def test_drift_and_slow_answers_are_none(self, hands, ours, caplog, seconds, takes):
        hands.jump(seconds)
        hands.takes = takes
        with caplog.at_level(logging.WARNING):
            ours.check()
        assert not [record for record in caplog.records if "jumped" in record.getMessage()]

    def test_what_was_before_one_is_at_least_as_old_as_without_it(self, hands, ours):
        hands.advance(30)
        ours.check()
        hands.jump(HOUR)
        ours.check()
        assert ours.find_least_age(NOON) == 30
        assert ours.find_greatest_age(NOON) == 30 + HOUR

    def test_what_came_after_one_has_its_age(self, hands, ours):
        hands.jump(HOUR)
        ours.check()
        came = ours.now()
        hands.advance(30)
        assert ours.find_least_age(came) == ours.find_greatest_age(came) == 30

    def test_several_add_up(self, hands, ours):
        for _ in range(3):
            hands.advance(10)
            ours.check()
            hands.jump(HOUR)
            ours.check()
        assert ours.find_least_age(NOON) == 30

    def test_the_age_of_what_is_to_come_is_unknown(self, hands, ours):
        hands.jump(-HOUR)
        ours.check()
        assert ours.find_least_age(NOON) == 0
        assert ours.find_greatest_age(NOON) == math.inf
        assert ours.find_greatest_age(after(2 - HOUR)) == -2  # is by another engine, a moment ago


class TestDelays:
    @pytest.mark.parametrize(("at", "delay"), [(-10, 0), (0, 0), (60, 60), (600, 600), (605, 605), (606, 0)])
    def test_what_is_planned_too_far_ahead_was_planned_before_the_clock_was_set_back(self, ours, at, delay):
        assert ours.find_delay(after(at), longest=600) == delay


class TestDatabases:
    def test_microseconds_and_utc(self, journal):
        clock_, before = journal.clock, timeutils.utcnow()
        read = clock_.now()
        # of this machine, in these tests
        assert abs((read - before).total_seconds()) < 5
        assert read.tzinfo is None
        assert any(clock_.now().microsecond % 1000 for _ in range(20))

    @pytest.mark.parametrize("zone", ["+09:00", "-03:30"])
    def test_the_servers_time_zone_does_not_matter(self, server_url, zone):
        engine = sa.create_engine(server_url)
        is_postgresql = engine.dialect.name == "postgresql"
        setting = f"SET TIME ZONE INTERVAL '{zone}' HOUR TO MINUTE" if is_postgresql else "SET time_zone = :z"
        with engine.connect() as connection:
            connection.execute(sa.text(setting), {} if is_postgresql else {"z": zone})
            asked = clock.build_clock(engine.dialect, lambda work: work(connection))
        engine.dispose()
        assert abs((asked.now() - timeutils.utcnow()).total_seconds()) < 5

    @pytest.mark.parametrize("seconds", [3 * HOUR, -3 * HOUR, 300.0])
    def test_engines_whose_clocks_differ_agree(self, server_url, open_journal, monkeypatch, caplog, seconds):
        conf = load(server_url)
        store.upgrade(conf)
        right = open_journal(conf)
        first = right.notifications.add(build_notification())
        true = timeutils.utcnow
        monkeypatch.setattr(clocks, "wall", lambda: true() + datetime.timedelta(seconds=seconds))
        wrong = open_journal(conf)
        second = wrong.notifications.add(build_notification(payload={"event": "STARTED"}))
        assert 0 <= (second.created_at - first.created_at).total_seconds() < 30
        assert wrong.clock.find_greatest_age(first.created_at) < 30
        assert (
            right.notifications.find_duplicate(build_notification(payload={"event": "STARTED"}), 180)
            == second
        )
        moved = wrong.notifications.claim(second, "wrong")
        assert wrong.notifications.get(moved.notification_uuid).updated_at >= second.updated_at
        (said,) = [record.getMessage() for record in caplog.records if "database's" in record.getMessage()]
        assert ("behind" if seconds > 0 else "ahead of") in said

    def test_sqlite_has_this_machines_and_says_nothing(self, tmp_path, open_journal, monkeypatch, caplog):
        monkeypatch.setattr(clocks, "wall", lambda: NOON)
        journal = open_journal(load(f"sqlite:///{tmp_path}/journal.sqlite"))
        assert abs((journal.clock.now() - NOON).total_seconds()) < 5
        assert not caplog.records


class TestLeftovers:
    @pytest.mark.parametrize(("seconds", "is_due"), [(-1, True), (80, False), (HOUR, True)])
    def test_a_check_that_is_due_too_late_is_due(self, journal, seconds, is_due):
        added = journal.notifications.add(build_notification(status=NotificationStatus.FINISHED))
        journal.vmoves.add(added, [build_vmove(added, recheck_at=journal.clock.in_seconds(seconds))])
        assert bool(journal.vmoves.list_stale(90)) == is_due
