"""Several engines on one journal and one topic share the work, and take over from each other."""

import uuid
from collections.abc import Callable, Iterator

import pytest

from masakari_lite import exceptions
from masakari_lite.coordination.claims import Claim
from masakari_lite.models import NotificationStatus
from masakari_lite_simulator import Server
from tests.harness.monitor import HOST
from tests.harness.site import Engine, Site, running_engine

HOSTS = ("compute-1", "compute-2", "compute-3")
PATIENT = {"coordination__lease_time": 2, "wait_period_after_evacuation": 10}


@pytest.fixture(params=[None, "journal://"], ids=["files", "journal"])
def site(request: pytest.FixtureRequest, build_site: Callable[..., Site]) -> Site:
    """A site whose claims are where one machine's engines have them by default, or several machines'."""
    return build_site(cloud={"evacuation_latency": 0.4}, coordination__backend_url=request.param, **PATIENT)


@pytest.fixture
def other(site: Site) -> Iterator[Engine]:
    """Run a second engine beside the site's own."""
    assert site.engine
    with running_engine(site.conf) as engine:
        yield engine


def find_claim(engine: Engine, host: str = HOST) -> Claim:
    return engine.service._claims._claimed[host]


def begin(site: Site, count: int) -> tuple[str, list[Server]]:
    """Let a host fail and wait until its first evacuation is under way."""
    servers = site.add(count)
    site.cloud.fail_host(HOST)
    notification = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    return notification, servers


def find_owner(site: Site, other: Engine) -> tuple[Engine, Engine]:
    """Tell which engine has taken the host up, and which has not."""
    engines = [site.engine, other]
    engines.sort(key=lambda engine: HOST not in engine.service._claims._claimed)
    return engines[0], engines[1]


def test_each_host_is_recovered_by_one(site: Site, other: Engine) -> None:
    servers = [site.cloud.add_server(host) for host in HOSTS for _ in range(3)]
    for host in HOSTS:
        site.cloud.fail_host(host)
    found = [site.engine.notify(host)["notification_uuid"] for host in HOSTS]
    ended = [site.engine.wait(notification) for notification in found]
    assert [found["message"] for found in ended] == ["3 succeeded"] * 3
    assert [found["attempts"] for found in ended] == [1] * 3
    for server in servers:
        assert len(site.evacuations(server)) == 1
    site.assert_safe()


def test_engines_of_two_topics_on_one_journal_recover_each_host_once(site: Site) -> None:
    """Each has its own monitors, but what is in the journal is for both."""
    servers = site.add(6)
    site.cloud.fail_host(HOST)
    site.conf.set_override("duplicate_notification_detection_interval", 0)
    assert site.engine
    site.conf.set_override("masakari_topic", str(uuid.uuid4()))
    with running_engine(site.conf) as other:
        found = [engine.notify()["notification_uuid"] for engine in (site.engine, other)]
        ended = [site.engine.wait(notification) for notification in found]
    assert {notification["status"] for notification in ended} == {"finished"}
    site.assert_evacuated_once(*servers)


def test_who_lost_the_claim_stops_and_another_goes_on(site: Site, other: Engine) -> None:
    notification, servers = begin(site, 6)
    owner, _ = find_owner(site, other)
    find_claim(owner)._is_lost = True
    ended = site.engine.wait(notification)
    assert (ended["status"], ended["message"], ended["attempts"]) == ("finished", "6 succeeded", 1)
    site.assert_evacuated_once(*servers)


def test_without_the_claim_nothing_is_asked_of_nova(site: Site) -> None:
    """An engine that wakes up after its lease sends no lock, no evacuation, not even an unlock."""
    _, servers = begin(site, 6)
    site.until(lambda: site.simulator.requests.count("server.evacuate") == 3)
    dispatcher = site.engine.service._dispatcher
    dispatcher._stopping = True  # so that it does not take it up again at once
    find_claim(site.engine)._is_lost = True
    sent = count_changes(site)
    site.until(lambda: not dispatcher.hosts)
    assert count_changes(site) == sent
    assert any(server.locked for server in servers), "whoever goes on takes it off"


def count_changes(site: Site) -> int:
    requests = site.simulator.requests
    return sum(requests.count(f"server.{kind}") for kind in ("lock", "evacuate", "unlock"))


def test_the_journal_takes_nothing_from_who_is_not_the_owner(site: Site, other: Engine) -> None:
    """Even where the coordination service gave one host to two engines."""
    notification, servers = begin(site, 6)
    journal = site.engine.service._journal
    taken = journal.notifications.claim(journal.notifications.get(notification), "another engine")
    assert taken
    site.until(lambda: not [*site.engine.service._dispatcher.hosts, *other.service._dispatcher.hosts])
    assert journal.notifications.get(notification).status is NotificationStatus.RUNNING
    ended = site.engine.wait(notification)  # nobody holds the claim, so one of the two takes it up again
    assert ended["message"] == "6 succeeded"
    site.assert_evacuated_once(*servers)


def test_while_no_claim_can_be_made_nothing_is_begun_and_it_is_said_once(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    site = build_site(process_unfinished_notifications_interval=1, **PATIENT)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    asked = []

    def fail(host: str) -> Claim | None:
        asked.append(host)
        raise exceptions.CoordinationError("the claims cannot be used")

    with monkeypatch.context() as patch:
        patch.setattr(site.engine.service._claims, "claim", fail)
        notification = site.engine.notify()["notification_uuid"]
        site.until(lambda: len(asked) > 2)
    assert not site.cloud.migrations
    assert site.engine.wait(notification)["status"] == "finished"
    assert caplog.text.count("the claims cannot be used") == 1
    assert "Recoveries can be started again" in caplog.text
    site.assert_evacuated_once(server)
