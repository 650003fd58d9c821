"""A request is not sent by whoever has lost the right to, however late it was lost."""

import socket
from collections.abc import Callable

import pytest
import urllib3.connection

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite_simulator import Server, Simulator


class Leave:
    """A claim that is lost when the test says so."""

    def __init__(self) -> None:
        self.is_lost = False
        self.asked = 0

    def check(self) -> None:
        self.asked += 1
        if self.is_lost:
            raise exceptions.ClaimLost("lost")


@pytest.fixture
def leave() -> Leave:
    return Leave()


@pytest.fixture
def guarded(nova: NovaAPI, leave: Leave) -> NovaAPI:
    nova.check()  # so that nothing but the request itself is sent
    return nova.guarded_by(leave.check)


def test_what_is_allowed_is_sent(guarded: NovaAPI, server: Server, leave: Leave) -> None:
    guarded.servers.lock(server.uuid, "mine")
    assert leave.asked
    assert server.locked_reason == "mine"


def test_what_nobody_acknowledges_is_given_up_with_the_lease(
    connect: Callable[..., NovaAPI], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel would send it for a quarter of an hour, when another engine has long claimed the host."""
    limits = []
    make = urllib3.connection.HTTPConnection.connect

    def make_and_look(connection: urllib3.connection.HTTPConnection) -> None:
        make(connection)
        limits.append(connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "connect", make_and_look)
    connect(coordination__lease_time=30).check()
    assert limits
    assert set(limits) == {6000}


def test_what_is_not_allowed_is_not_sent(
    guarded: NovaAPI, simulator: Simulator, server: Server, leave: Leave
) -> None:
    leave.is_lost = True
    with pytest.raises(exceptions.ClaimLost):
        guarded.servers.lock(server.uuid, "mine")
    assert not simulator.requests.count("server.lock")


def test_what_needs_no_leave_is_sent(guarded: NovaAPI, nova: NovaAPI, server: Server, leave: Leave) -> None:
    leave.is_lost = True
    assert guarded.servers.get(server.uuid).uuid == server.uuid
    nova.servers.lock(server.uuid, "mine")
    assert server.locked


def test_leave_is_asked_for_after_a_connection_was_made(
    connect: Callable[..., NovaAPI],
    simulator: Simulator,
    server: Server,
    leave: Leave,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nova = connect()
    nova.check()
    nova.client._session.session.close()  # the next request needs a new connection
    make = urllib3.connection.HTTPConnection.connect

    def make_slowly(connection: urllib3.connection.HTTPConnection) -> None:
        make(connection)
        leave.is_lost = True

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "connect", make_slowly)
    with pytest.raises(exceptions.ClaimLost):
        nova.guarded_by(leave.check).servers.lock(server.uuid, "mine")
    assert not simulator.requests.count("server.lock")


def test_a_request_of_which_half_was_sent_is_not_completed(
    guarded: NovaAPI, simulator: Simulator, server: Server, leave: Leave, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = urllib3.connection.HTTPConnection.__mro__[1].send

    def send_and_lose(connection: urllib3.connection.HTTPConnection, data: bytes) -> None:
        send(connection, data)
        leave.is_lost = True  # with the head sent, and not the body

    monkeypatch.setattr(urllib3.connection.HTTPConnection, "send", send_and_lose, raising=False)
    with pytest.raises(exceptions.ClaimLost):
        guarded.servers.lock(server.uuid, "mine")
    assert not simulator.requests.count("server.action")
    assert not simulator.requests.count("server.lock")
    assert not server.locked
