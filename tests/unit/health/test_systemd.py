"""sd_notify, heard by a real socket."""

import contextlib
import os
import socket
import uuid

import pytest

from masakari_lite.health import systemd


class Listener:
    """What systemd would hear."""

    def __init__(self, channel, address):
        self._channel = channel
        self.address = address

    def hear(self):
        return self._channel.recv(4096).decode()

    def hears_nothing(self):
        self._channel.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            return not self._channel.recv(4096)
        return True


@pytest.fixture(params=["path", "abstract"])
def listener(request, tmp_path):
    address = f"@{uuid.uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(address.replace("@", "\0"))
        channel.settimeout(5)
        yield Listener(channel, address)


def build(**environ):
    return systemd.build_notifier(environ)


def test_what_is_told(listener):
    notifier = build(NOTIFY_SOCKET=listener.address, WATCHDOG_USEC="30000000")
    assert notifier.watchdog == 30.0
    notifier.set_status("waiting")
    notifier.set_status("waiting")
    assert listener.hear() == "STATUS=waiting"
    notifier.beat(20)
    assert listener.hear() == "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=20000000"
    with notifier.reloading():
        pass  # it is not ready yet, and must not say so
    notifier.tell_ready()
    assert listener.hear() == "READY=1"
    notifier.beat(20)
    assert listener.hear() == "WATCHDOG=1"
    with notifier.reloading():
        first, second = listener.hear().split("\n")
        assert first == "RELOADING=1"
        assert second.startswith("MONOTONIC_USEC=")
    assert listener.hear() == "READY=1"
    notifier.tell_stopping()
    assert listener.hear() == "STOPPING=1"
    notifier.tell_ready()  # the broker came back too late
    notifier.beat(20)
    assert listener.hear() == "WATCHDOG=1\nEXTEND_TIMEOUT_USEC=20000000"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())},
    ],
)
def test_nobody_watches(listener, environ):
    notifier = build(NOTIFY_SOCKET=listener.address, **environ)
    assert notifier.watchdog is None
    notifier.tell_ready()
    assert listener.hear() == "READY=1"
    notifier.beat(20)
    assert listener.hears_nothing()


def test_our_own_pid_is_watched():
    notifier = build(NOTIFY_SOCKET="@x", WATCHDOG_USEC="1000000", WATCHDOG_PID=str(os.getpid()))
    assert notifier.watchdog == 1.0


def test_the_environment_is_for_nobody_else():
    environ = {"NOTIFY_SOCKET": "@x", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1", "HOME": "/"}
    systemd.build_notifier(environ)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "vsock:2:1234", "relative"])
def test_where_nobody_listens_nothing_happens(address):
    notifier = build(NOTIFY_SOCKET=address, WATCHDOG_USEC="1000000")
    notifier.tell_ready()
    notifier.set_status("ready")
    notifier.beat(1)
    notifier.tell_stopping()
