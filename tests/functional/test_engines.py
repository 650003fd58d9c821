"""Several engines on one journal and one topic share the work, and take over from each other."""

from collections.abc import Callable, Iterator

import pytest

from masakari_lite import exceptions
from masakari_lite.engine.claims import Claim
from masakari_lite.models import NotificationStatus
from masakari_lite.simulator import Server
from tests.functional.harness import HOST, Engine, Site, running_engine

HOSTS = ("compute-1", "compute-2", "compute-3")
PATIENT = {"coordination__lease_time": 2, "wait_period_after_evacuation": 10}


@pytest.fixture
def site(build_site: Callable[..., Site]) -> Site:
    return build_site(cloud={"evacuation_latency": 0.4}, **PATIENT)


@pytest.fixture
def other(site: Site) -> Iterator[Engine]:
    """Run a second engine beside the site's own."""
    assert site.engine
    with running_engine(site.conf) as engine:
        yield engine


def find_claim(engine: Engine, host: str = HOST) -> Claim:
    return engine.service._claims._held[host]


def begin(site: Site, count: int) -> tuple[str, list[Server]]:
    """Let a host fail and wait until its first evacuation is under way."""
    servers = site.add(count)
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: site.cloud.migrations)
    return uuid, servers


def find_owner(site: Site, other: Engine) -> tuple[Engine, Engine]:
    """Tell which engine has taken the host up, and which has not."""
    engines = [site.engine, other]
    engines.sort(key=lambda engine: HOST not in engine.service._claims._held)
    return engines[0], engines[1]


def test_each_host_is_recovered_by_one(site: Site, other: Engine) -> None:
    servers = [site.cloud.add_server(host) for host in HOSTS for _ in range(3)]
    for host in HOSTS:
        site.cloud.fail_host(host)
    uuids = [site.engine.notify(host)["notification_uuid"] for host in HOSTS]
    ended = [site.engine.wait(uuid) for uuid in uuids]
    assert [found["message"] for found in ended] == ["3 succeeded"] * 3
    assert [found["attempts"] for found in ended] == [1] * 3
    for server in servers:
        assert len(site.evacuations(server)) == 1
    site.assert_safe()


def test_who_lost_the_claim_stops_and_another_goes_on(site: Site, other: Engine) -> None:
    uuid, servers = begin(site, 6)
    owner, _ = find_owner(site, other)
    find_claim(owner)._is_lost = True
    ended = site.engine.wait(uuid)
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
    uuid, servers = begin(site, 6)
    journal = site.engine.service._journal
    taken = journal.take_up(journal.get_notification(uuid), "another engine")
    assert taken
    site.until(lambda: not [*site.engine.service._dispatcher.hosts, *other.service._dispatcher.hosts])
    assert journal.get_notification(uuid).status is NotificationStatus.RUNNING
    ended = site.engine.wait(uuid)  # nobody holds the claim, so one of the two takes it up again
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
        uuid = site.engine.notify()["notification_uuid"]
        site.until(lambda: len(asked) > 2)
    assert not site.cloud.migrations
    assert site.engine.wait(uuid)["status"] == "finished"
    assert caplog.text.count("the claims cannot be used") == 1
    assert "Recoveries are begun again" in caplog.text
    site.assert_evacuated_once(server)
