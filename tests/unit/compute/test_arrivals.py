"""Hosts are listed in rounds that all recoveries share."""

import datetime

import eventlet
import pytest

from masakari_lite import exceptions
from masakari_lite.compute.arrivals import Arrivals
from masakari_lite.compute.pace import Pace

NOON = datetime.datetime(2026, 11, 30, 12)
INTERVAL = 0.05


class FakeInstance:
    def __init__(self, uuid):
        self.uuid = uuid


class FakeServers:
    """Lists of hosts that take until ``answer`` is called; it notes what it was asked for."""

    def __init__(self):
        self.asked = []
        self.errors = {}
        self.may_answer = eventlet.event.Event()

    def answer(self):
        self.may_answer.send()

    def list_arrived(self, host, since):
        self.asked.append((host, since))
        self.may_answer.wait()
        if host in self.errors:
            raise self.errors[host]
        return [FakeInstance(f"on-{host}")]


@pytest.fixture
def servers():
    return FakeServers()


@pytest.fixture
def arrivals(servers):
    return Arrivals(servers, Pace())


def ask(arrivals, *hosts, since=NOON):
    """Ask in a green thread of its own, which has begun to wait when this returns."""
    asking = eventlet.spawn(arrivals.list_on, hosts, since, INTERVAL)
    for _ in range(20):
        eventlet.sleep(0)
    return asking


def test_each_gets_the_hosts_that_it_asked_for(servers, arrivals):
    servers.answer()
    found = arrivals.list_on({"a", "b"}, NOON, INTERVAL)
    assert sorted(found) == ["on-a", "on-b"]
    assert sorted(servers.asked) == [("a", NOON), ("b", NOON)]


def test_who_asks_while_a_round_runs_shares_the_next_one(servers, arrivals):
    first = ask(arrivals, "a", "b")
    earlier = NOON - datetime.timedelta(minutes=1)
    others = [ask(arrivals, "a", "c"), ask(arrivals, "a", since=earlier), ask(arrivals, "c", "b")]
    assert len(servers.asked) == 2, "a round that has begun may be too early for those who come later"
    servers.answer()
    assert sorted(first.wait()) == ["on-a", "on-b"]
    assert [sorted(other.wait()) for other in others] == [["on-a", "on-c"], ["on-a"], ["on-b", "on-c"]]
    assert sorted(servers.asked[2:]) == [("a", earlier), ("b", NOON), ("c", NOON)]


def test_an_error_concerns_who_has_asked_for_that_host(servers, arrivals):
    servers.errors["a"] = exceptions.NovaUnavailable("not now")
    asking = [ask(arrivals, "b"), ask(arrivals, "a", "b"), ask(arrivals, "b")]
    servers.answer()
    asking[0].wait(), asking[2].wait()
    with pytest.raises(exceptions.NovaUnavailable, match="not now"):
        asking[1].wait()
    del servers.errors["a"]
    assert list(arrivals.list_on({"a"}, NOON, INTERVAL)) == ["on-a"]


def test_when_the_one_that_lists_ends_the_others_go_on(servers, arrivals):
    running = ask(arrivals, "a")
    waiting, follower = ask(arrivals, "b"), ask(arrivals, "b")
    waiting.kill()
    with pytest.raises(exceptions.NovaUnavailable):
        follower.wait()
    servers.answer()
    running.wait()
    assert list(arrivals.list_on({"b"}, NOON, INTERVAL)) == ["on-b"]


def test_nobody_asks_for_nothing(servers, arrivals):
    assert arrivals.list_on(set(), NOON, INTERVAL) == {}
    assert not servers.asked
