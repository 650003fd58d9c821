"""Only so many instances are locked and asked to be evacuated at once; the others wait for their turn."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import pytest

from masakari_lite import concurrency
from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST
from tests.harness.site import Site


@pytest.fixture
def site(build_site: Callable[..., Site]) -> Site:
    """A site whose engine lets one instance begin at once."""
    site = build_site(host_failure_recovery_threads=5)
    site.engine.service._nova.beginning = concurrency.Turns(1, 3600)
    return site


def test_all_have_their_turn(site: Site) -> None:
    servers = site.add(8)
    assert site.recover()["message"] == "8 succeeded"
    site.assert_evacuated_once(*servers)


class Gate(concurrency.Turns):
    """Lets the host be listed, and nobody else begin until it is opened."""

    def __init__(self) -> None:
        super().__init__(100, 3600)
        self.waiting = -1
        self._opened = threading.Event()

    def open(self) -> None:
        self._opened.set()

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        self.waiting += 1
        if self.waiting:
            self._opened.wait()
        yield


def test_those_that_wait_are_not_begun_when_the_engine_stops(site: Site) -> None:
    servers = site.add(3)
    gate = site.engine.service._nova.beginning = Gate()
    site.cloud.fail_host(HOST)
    uuid = site.engine.notify()["notification_uuid"]
    site.until(lambda: gate.waiting == 3)
    is_stopping = site.engine.service._dispatcher.is_stopping
    stopping = concurrency.spawn(site.stop)
    site.until(is_stopping)
    gate.open()
    stopping.wait()
    assert not site.cloud.migrations
    assert not any(server.locked for server in servers)
    assert site.engine.wait(uuid)["message"] == "3 succeeded"
    site.assert_evacuated_once(*servers)


def test_one_that_nova_does_not_answer_lets_the_others_go_first(site: Site) -> None:
    site.engine.service._nova.beginning = concurrency.Turns(1, 0.1)
    stuck, *others = site.add(4)
    site.simulator.faults.add("server.lock", Fault(status=503, uuid=stuck.uuid))
    uuid = site.begin()
    site.until(lambda: all(server.host != HOST for server in others))
    assert stuck.host == HOST
    site.simulator.faults.clear()
    assert site.engine.wait(uuid)["message"] == "4 succeeded"
    site.assert_evacuated_once(stuck, *others)
