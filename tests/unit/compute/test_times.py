"""Nova's and Keystone's clocks differ from this machine's: it is told once, and tokens last."""

import datetime
import logging

import pytest

from masakari_lite import clocks, exceptions
from masakari_lite.compute import times
from masakari_lite_simulator.http import Response
from tests.harness.monitor import HOST

HOUR = 3600.0


@pytest.fixture
def warnings(caplog):
    def find(word):
        said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
        return [message for message in said if message.startswith(word)]

    return find


def test_novas_time_is_that_of_its_last_report(simulator, clock, nova):
    simulator.options.nova_clock_offset = -3 * HOUR
    simulator.cloud.fail_host(HOST)
    clock.advance(90)
    read = nova.services.read_clock()
    now = clock.wall(clock.now()) - 3 * HOUR
    assert read.moment == datetime.datetime.fromtimestamp(int(now), datetime.UTC).replace(tzinfo=None)
    assert read.carry_to(read.at + 5) - read.moment == datetime.timedelta(seconds=5)


@pytest.mark.parametrize(
    "services",
    [
        [],
        [{"state": "down", "updated_at": "2026-11-22T16:00:00.000000"}],
        [{"state": "up", "updated_at": None}],
        [{"binary": "nova-compute", "host": "cell", "id": "x", "status": "UNKNOWN"}],
    ],
)
def test_a_nova_without_a_service_that_is_up_has_no_time(services):
    """A service that is down may have been told another time, and one of a cell that is down tells none."""
    with pytest.raises(exceptions.NovaUnavailable, match="no nova-scheduler is up"):
        times.NovaClock().read(services, 0.0)


def test_the_clock_furthest_behind_counts_of_what_is_up(monkeypatch):
    monkeypatch.setattr(clocks, "wall", lambda: datetime.datetime(2026, 11, 22, 16, 0, 3))
    services = [
        {"state": "down", "updated_at": "2031-01-01T00:00:00.000000"},
        {"state": "up", "updated_at": "2026-11-22T16:00:00.000000"},
        {"state": "up", "updated_at": "2026-11-22T15:59:51.000000"},
    ]
    assert times.NovaClock().read(services, 0.0).moment == datetime.datetime(2026, 11, 22, 15, 59, 51)


@pytest.mark.parametrize("seconds", [7.0, -7.0, 300.0, -3 * HOUR])
def test_the_date_of_novas_answers_tells_a_skew_of_seconds_once(simulator, nova, warnings, seconds):
    simulator.options.nova_clock_offset = seconds
    for _ in range(3):
        nova.host_servers.list_all(HOST)
        nova.services.read_clock()
    (said,) = warnings("Nova's clock")
    assert ("ahead of" if seconds > 0 else "behind") in said


@pytest.mark.parametrize("seconds", [0.0, 2.0, -2.0])
def test_a_second_or_two_are_none(simulator, nova, warnings, seconds):
    simulator.options.nova_clock_offset = seconds
    nova.host_servers.list_all(HOST)
    nova.services.read_clock()
    assert not warnings("Nova's clock")


@pytest.mark.parametrize(("seconds", "is_told"), [(300.0, True), (-300.0, True), (-50.0, False)])
def test_without_a_date_the_last_report_tells_it(simulator, nova, warnings, seconds, is_told):
    """A service may have reported as long ago as service_down_time."""
    simulator.options.sends_date = False
    simulator.options.nova_clock_offset = seconds
    nova.services.read_clock()
    assert bool(warnings("Nova's clock")) == is_told


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 00:00:00 GMT", "0"])
def test_a_date_that_is_none_is_passed_over(gateway, connect, warnings, date):
    headers = {"X-Compute-Request-Id": "req-1", "Date": date}
    gateway.answers = [Response(503, {}, headers)]
    nova = connect(nova__endpoint_override=gateway.url, nova__retry_period=0)
    with pytest.raises(exceptions.NovaUnanswered):
        nova.host_servers.list_all(HOST)
    assert not warnings("Nova's clock")


def test_the_date_of_a_proxys_page_is_not_novas(gateway, connect, warnings):
    gateway.answers = [Response(503, "away", {"Date": "Sun, 01 Nov 2020 00:00:00 GMT"})]
    nova = connect(nova__endpoint_override=gateway.url, nova__retry_period=0)
    with pytest.raises(exceptions.NovaUnanswered):
        nova.host_servers.list_all(HOST)
    assert not warnings("Nova's clock")


class TestTokens:
    @pytest.fixture
    def issued(self, simulator):
        return lambda: simulator.cloud.identity.issued["masakari"]

    @pytest.mark.parametrize("seconds", [5 * HOUR, -5 * HOUR])
    def test_one_serves_though_keystones_clock_differs(
        self, simulator, clock, nova, server, issued, warnings, seconds
    ):
        simulator.options.keystone_clock_offset = simulator.options.nova_clock_offset = seconds
        for _ in range(10):
            nova.servers.get(server.uuid)
            nova.servers.lock(server.uuid, "ours")
        assert issued() == 1
        (said,) = warnings("Keystone's clock")
        assert ("5 h ahead of" if seconds > 0 else "5 h behind") in said

    def test_one_that_has_ended_by_novas_clock_is_renewed_once(self, simulator, clock, nova, server, issued):
        simulator.options.keystone_clock_offset = simulator.options.nova_clock_offset = 5 * HOUR
        nova.servers.get(server.uuid)
        clock.advance(simulator.options.token_lifetime + 1)
        nova.servers.lock(server.uuid, "ours")
        nova.servers.get(server.uuid)
        assert issued() == 2

    @pytest.mark.parametrize("seconds", [5 * HOUR, -5 * HOUR])
    def test_the_machines_clock_is_set(self, nova, server, issued, monkeypatch, seconds):
        nova.servers.get(server.uuid)
        true = clocks.timeutils.utcnow
        monkeypatch.setattr(
            "keystoneauth1._utils.from_utcnow",
            lambda **delta: true() + datetime.timedelta(seconds=seconds) + datetime.timedelta(**delta),
        )
        monkeypatch.setattr(clocks, "wall", lambda: true() + datetime.timedelta(seconds=seconds))
        for _ in range(5):
            nova.servers.get(server.uuid)
        assert issued() == (2 if seconds > 0 else 1)
