"""Nova, Keystone, the database, the monitors and the engines each have a clock of their own."""

import datetime
import re
from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite import clocks
from masakari_lite.journal import clock
from masakari_lite.recovery.retries import LONGEST_PAUSE
from tests.functional.recovery.test_hosts import leave
from tests.functional.recovery.test_retries import fill, make_room, wait_for
from tests.harness.monitor import HOST, build_notification
from tests.harness.site import Site

HOUR = 3600.0
SKEWS = [300.0, -300.0, 3 * HOUR, -3 * HOUR]


class Wall:
    """This machine's clock, which a test sets."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> datetime.datetime:
        right = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return right + datetime.timedelta(seconds=self.ahead)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    made = Wall()
    monkeypatch.setattr(clocks.timeutils, "utcnow", made.now)
    return made


def ahead(seconds: float) -> dict[str, Any]:
    """Have Nova and Keystone on another time than the engine."""
    return {"nova_clock_offset": seconds, "keystone_clock_offset": seconds}


def list_warnings(caplog: pytest.LogCaptureFixture, word: str) -> list[str]:
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    return [message for message in said if word in message]


# Nova's and Keystone's


@pytest.mark.parametrize("sends_date", [True, False])
@pytest.mark.parametrize("seconds", SKEWS)
def test_a_host_is_recovered_whatever_time_it_is_at_nova(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, seconds: float, sends_date: bool
) -> None:
    """Some web servers send no Date header. What has changed is found in time, not after the longest wait."""
    site = build_site(cloud=ahead(seconds) | {"sends_date": sends_date}, wait_period_after_evacuation=600)
    servers = site.add(3)
    assert site.recover()["message"] == "3 succeeded"
    site.assert_evacuated_once(*servers)
    assert site.cloud.identity.issued["masakari"] == 1
    which = "ahead of" if seconds > 0 else "behind"
    for whose in ("Nova's", "Keystone's"):
        (said,) = list_warnings(caplog, whose)
        assert re.match(rf"{whose} clock is \d+ (min|h)( \d+ (s|min))? {which} this machine's", said)


def test_a_host_that_reports_is_refused_whatever_time_it_is_at_nova(build_site: Callable[..., Site]) -> None:
    """It looks as if it had reported before its notification came; it had not, by Nova's clock."""
    site = build_site(cloud=ahead(-3 * HOUR), wait_period_after_service_update=30)
    (server,) = site.add(1)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.simulator.requests.count("service.list") >= 4)
    site.stop()
    with site.cloud.up_to_date():
        site.clock.leap(1800)  # it reports on
        site.cloud.force_down(HOST)
    ended = site.engine.wait(uuid)
    assert ended["status"] == "failed"
    assert "long after the notification came" in ended["message"]
    assert not site.evacuations(server)


@pytest.mark.parametrize("seconds", [3 * HOUR, -3 * HOUR])
def test_a_clock_of_nova_that_is_set_loses_no_instance(
    build_site: Callable[..., Site], seconds: float
) -> None:
    """What has changed since is behind what is asked for; in the end each one is asked for by itself."""
    site = build_site(cloud={"evacuation_latency": 600}, wait_period_after_evacuation=2)
    servers = site.add(2)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: len(site.cloud.migrations) == 2)
    site.simulator.options.nova_clock_offset = seconds
    if seconds > 0:  # or its tokens have ended, for everybody
        site.simulator.options.keystone_clock_offset = seconds
        site.simulator.revoke_tokens()
    site.clock.leap(601)
    assert site.engine.wait(uuid)["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)


@pytest.mark.parametrize("seconds", [2 * HOUR, -2 * HOUR])
def test_a_token_lasts_as_long_as_keystone_says(build_site: Callable[..., Site], seconds: float) -> None:
    """An engine that is ahead would fetch one for each request, and one that is behind none in time."""
    site = build_site(cloud=ahead(seconds))
    servers = site.add(2)
    assert site.recover()["message"] == "2 succeeded"
    assert site.cloud.identity.issued["masakari"] == 1
    site.clock.leap(site.simulator.options.token_lifetime + 1)
    make_host(site, servers[0].host)
    assert site.cloud.identity.issued["masakari"] == 2


def make_host(site: Site, host: str) -> None:
    """Recover another host."""
    site.cloud.fail_host(host)
    assert site.engine.recover(host)["status"] == "finished"


@pytest.mark.parametrize("seconds", [3 * HOUR, -3 * HOUR])
def test_the_machines_clock_is_set_and_a_token_lasts_on(
    build_site: Callable[..., Site], wall: Wall, seconds: float
) -> None:
    """keystoneauth reads the clock itself."""
    site = build_site()
    servers = site.add(1)
    assert site.recover()["message"] == "1 succeeded"
    wall.ahead = seconds
    make_host(site, servers[0].host)
    assert site.cloud.identity.issued["masakari"] <= 2


def test_nova_cannot_evacuate_when_no_scheduler_is_up(build_site: Callable[..., Site]) -> None:
    """Nobody can tell then what time it is there; nothing could be evacuated either."""
    site = build_site(nova__retry_period=0, host_failure__evacuation_retry_interval=0.2)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    site.simulator.options.scheduler_is_up = False
    uuid = site.engine.notify()["notification_uuid"]
    assert "no nova-scheduler is up" in wait_for(site, uuid, "error")["message"]
    site.simulator.options.scheduler_is_up = True
    assert wait_for(site, uuid, "finished")["message"] == "1 succeeded"
    site.assert_evacuated_once(server)


# the journal's, here this machine's


@pytest.mark.parametrize("seconds", [25 * HOUR, -3 * HOUR, -48 * HOUR])
def test_a_clock_that_is_set_while_a_host_is_recovered(
    build_site: Callable[..., Site], wall: Wall, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, check_expired_notifications_interval=1)
    servers = site.add(2)
    uuid = site.begin()
    wall.ahead = seconds
    site.until(lambda: list_warnings(caplog, "has jumped"))
    site.clock.leap(601)
    assert site.engine.wait(uuid)["message"] == "2 succeeded"
    site.assert_evacuated_once(*servers)
    (said,) = list_warnings(caplog, "has jumped")
    assert clocks.describe(abs(seconds)).partition(" ")[0] in said
    assert ("forward" if seconds > 0 else "back") in said


@pytest.mark.parametrize("seconds", [25 * HOUR, -3 * HOUR, -48 * HOUR])
def test_what_failed_is_tried_again_in_time_though_the_clock_is_set(
    build_site: Callable[..., Site], wall: Wall, seconds: float
) -> None:
    """It does not expire, nor is it left for hours, nor tried in a loop."""
    site = build_site(
        check_expired_notifications_interval=1,
        process_unfinished_notifications_interval=1,
        host_failure__evacuation_retry_interval=1.5,
        host_failure__evacuation_attempts=50,
    )
    (server,) = site.add(1)
    fill(site)
    first = site.recover()
    assert first["status"] == "error"
    wall.ahead = seconds
    uuid = first["notification_uuid"]
    site.until(lambda: site.engine.api.get_notification(uuid)["attempts"] >= 2)
    again = wait_for(site, uuid, "error")
    delay = datetime.datetime.fromisoformat(again["retry_at"]) - wall.now()
    assert 0 < delay.total_seconds() < LONGEST_PAUSE
    make_room(site)
    assert wait_for(site, uuid, "finished", "failed")["status"] == "finished"
    assert site.has(server, vm_state="active", locked=False)


@pytest.mark.parametrize("seconds", [3 * HOUR, -3 * HOUR])
def test_no_host_is_forced_down_when_nobody_knows_how_long_ago_it_was_fenced(
    build_site: Callable[..., Site], wall: Wall, seconds: float
) -> None:
    """The clock was set, or the machine was off, while no engine ran: the host may be repaired by now."""
    site = build_site(cloud={"service_down_time": 2}, host_failure__force_down=True)
    (server,) = site.add(1)
    with site.journal() as journal:
        left = leave(journal)
    site.cloud.fail_host(HOST)
    wall.ahead = seconds
    ended = site.engine.wait(left.notification_uuid)
    assert ended["status"] == "failed"
    assert "long after the notification came" in ended["message"]
    assert not site.cloud.hosts[HOST].forced_down
    assert not site.evacuations(server)


# the database's, where it is another machine's


class Server:
    """A database server's clock."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def ask(self) -> datetime.datetime:
        right = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
        return right + datetime.timedelta(seconds=self.ahead)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr(clock, "build_clock", lambda _dialect, _run: clock.JournalClock(made.ask))
    return made


@pytest.mark.parametrize("seconds", SKEWS)
def test_a_host_is_recovered_whatever_time_it_is_at_the_database(
    build_site: Callable[..., Site], server: Server, caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    server.ahead = seconds
    site = build_site()
    guests = site.add(2)
    ended = site.recover()
    assert ended["message"] == "2 succeeded"
    site.assert_evacuated_once(*guests)
    came = datetime.datetime.fromisoformat(ended["created_at"])
    assert abs((server.ask() - came).total_seconds()) < 60
    which = "ahead of" if seconds > 0 else "behind"
    (said,) = list_warnings(caplog, "database's")
    assert re.search(rf"^The journal's database's clock is .* {which} this machine's", said)


@pytest.mark.parametrize("seconds", [3 * HOUR, -3 * HOUR])
def test_an_engines_machine_may_be_set_while_the_database_is_right(
    build_site: Callable[..., Site], server: Server, wall: Wall, seconds: float
) -> None:
    site = build_site(host_failure__evacuation_retry_interval=0.5, host_failure__evacuation_attempts=50)
    (guest,) = site.add(1)
    fill(site)
    first = site.recover()
    wall.ahead = seconds
    site.until(lambda: site.engine.api.get_notification(first["notification_uuid"])["attempts"] >= 2)
    make_room(site)
    ended = wait_for(site, first["notification_uuid"], "finished", "failed")
    assert ended["status"] == "finished"
    assert site.has(guest, vm_state="active", locked=False)
    assert abs((server.ask() - datetime.datetime.fromisoformat(ended["updated_at"])).total_seconds()) < 60


# the monitors'


@pytest.mark.parametrize("seconds", [25 * HOUR, -25 * HOUR, 400.0, -400.0])
def test_a_senders_clock_that_is_far_off_is_told_and_does_not_matter(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, seconds: float
) -> None:
    site = build_site(check_expired_notifications_interval=1)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    answer = site.engine.notify(generated_time=generate(seconds))
    which = "ahead of" if seconds > 0 else "behind"
    said = (
        rf"the generated_time of this notification of {HOST} is .* {which} the engines' clock: set the clock"
    )
    assert re.search(said, answer["message"])
    (warning,) = list_warnings(caplog, "generated_time")
    assert re.search(said, warning)
    assert ("on its way" in warning) == (seconds < 0)
    assert site.engine.wait(answer["notification_uuid"])["status"] == "finished"
    site.assert_evacuated_once(server)


def generate(ahead: float) -> str:
    """Tell the time by a clock that is ahead by so much."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return (now + datetime.timedelta(seconds=ahead)).isoformat()


def test_one_that_is_a_little_off_is_not_told(site: Site) -> None:
    site.add(1)
    site.cloud.fail_host(HOST)
    assert not site.engine.notify(generated_time=generate(-200))["message"]


def test_a_notification_that_waited_in_the_broker_forces_no_host_down(
    build_site: Callable[..., Site],
) -> None:
    """The host may have been repaired meanwhile, and nobody fences it now."""
    site = build_site(host_failure__force_down=True, wait_period_after_service_update=1)
    (server,) = site.add(1)
    ended = site.engine.recover(generated_time=generate(-2 * HOUR))
    assert ended["status"] == "error"
    assert "still reports the compute service" in ended["message"]
    assert not site.cloud.hosts[HOST].forced_down
    assert not site.evacuations(server)


@pytest.mark.parametrize("ending", ["finished", "failed", "running"])
def test_the_same_notification_sent_again_is_answered_with_what_became_of_the_first(
    build_site: Callable[..., Site], ending: str
) -> None:
    """Its answer was lost."""
    changes: dict[str, Any] = {"host_failure__evacuation_attempts": 1}
    site = build_site(cloud={"evacuation_latency": 600 if ending == "running" else 0.05}, **changes)
    site.add(1)
    if ending == "failed":
        fill(site)
    site.cloud.fail_host(HOST)
    raw = build_notification()
    first = site.engine.api.process_notification(raw)["notification_uuid"]
    wait_for(site, first, ending)
    again = site.engine.api.process_notification(raw)
    assert (again["notification_uuid"], again["status"]) == (first, ending)
    assert len(site.engine.api.list_notifications()) == 1
    site.clock.leap(601)


@pytest.mark.parametrize("uuid", ["6a1b46b9-3f5c-4a53-9a3e-6f0d3b1a7f10"])
def test_the_same_notification_by_another_uuid_is_told_as_duplicate(site: Site, uuid: str) -> None:
    site.cloud.fail_host(HOST)
    raw = build_notification()
    first = site.engine.wait(site.engine.api.process_notification(raw)["notification_uuid"])
    assert first["status"] == "finished"
    with pytest.raises(Exception, match=f"{first['notification_uuid']} is the same and is finished"):
        site.engine.api.process_notification(raw | {"notification_uuid": uuid})


def test_a_host_may_fail_again_at_once(site: Site) -> None:
    """The first has ended, so that another generated_time is another failure."""
    site.cloud.fail_host(HOST)
    assert site.engine.recover()["status"] == "finished"
    assert site.engine.recover()["status"] == "finished"
    assert len(site.engine.api.list_notifications()) == 2
