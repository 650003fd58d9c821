"""How the engine's real process ends, and what it tells systemd meanwhile."""

import contextlib
import pathlib
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator

import pytest

from masakari_lite import polling
from masakari_lite.health import heartbeat
from masakari_lite.models import NotificationStatus
from masakari_lite_simulator import Server
from tests.harness.monitor import HOST
from tests.harness.process import Process, leave, wait_for_end
from tests.harness.site import Site

SLOW = 1000.0


class Recovery:
    """A recovery in a process of its own, whose evacuations end when the test lets time pass."""

    def __init__(self, site: Site, process: Process) -> None:
        self.site = site
        self.process = process
        self.servers: list[Server] = []
        self.notification = ""

    def begin(self, **changes: object) -> None:
        """Have three of four instances on their way."""
        self.servers = self.site.add(4)
        self.notification = leave(self.site)
        self.site.cloud.fail_host(HOST)
        self.process.configure(self.site.simulator.auth_url, wait_period_after_evacuation=600, **changes)
        self.process.start()
        self.site.until(lambda: len(self.site.cloud.migrations) == 3)

    def end_evacuations(self) -> None:
        """Let those that run end."""
        self.site.clock.leap(2 * SLOW)

    def stop(self) -> None:
        """Have the process drain."""
        self.process.signal(signal.SIGTERM)
        self.process.until_it_says("The engine stops")

    def assert_only_begun_ones_are_back(self) -> None:
        with self.site.cloud.up_to_date():
            assert [record.status for record in self.site.cloud.migrations] == ["done"] * 3
        self.site.assert_safe()

    def assert_next_start_brings_the_rest(self) -> None:
        self.end_evacuations()
        self.site.cloud.options.evacuation_latency = 0.05
        self.process.start()
        assert wait_for_end(self.site, self.notification) is NotificationStatus.FINISHED
        self.site.assert_evacuated_once(*self.servers)


@pytest.fixture
def recovery(build_site: Callable[..., Site], process: Process) -> Recovery:
    """Prepare a recovery."""
    return Recovery(build_site(cloud={"evacuation_latency": SLOW}), process)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(recovery: Recovery, number: signal.Signals) -> None:
    recovery.begin(graceful_shutdown_timeout=0)
    recovery.stop()
    assert "a second SIGTERM ends it at once" in recovery.process.output
    recovery.process.signal(number)
    assert recovery.process.wait() == -number  # for systemd that is no failure, so no restart
    recovery.assert_next_start_brings_the_rest()


def test_a_second_one_that_comes_before_the_first_was_handled_does_too(recovery: Recovery) -> None:
    recovery.begin(graceful_shutdown_timeout=0)
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
        recovery.process.signal(number)
    assert recovery.process.wait() in (-signal.SIGTERM, -signal.SIGINT)


def test_sigint_drains_as_sigterm_does(recovery: Recovery) -> None:
    recovery.begin()
    recovery.process.signal(signal.SIGINT)
    recovery.process.until_it_says("The engine stops")
    recovery.end_evacuations()
    assert recovery.process.wait() == 0
    recovery.assert_only_begun_ones_are_back()


def test_sighup_does_not_disturb_a_drain(recovery: Recovery) -> None:
    recovery.begin(graceful_shutdown_timeout=0)
    recovery.stop()
    recovery.process.signal(signal.SIGHUP)
    recovery.end_evacuations()
    assert recovery.process.wait() == 0
    recovery.assert_only_begun_ones_are_back()


def test_without_a_limit_it_waits_for_what_is_in_flight(recovery: Recovery) -> None:
    recovery.begin(graceful_shutdown_timeout=0)
    recovery.stop()
    asked = recovery.site.simulator.requests.count("migration.list")
    recovery.site.until(lambda: recovery.site.simulator.requests.count("migration.list") > asked + 5)
    recovery.end_evacuations()
    assert recovery.process.wait() == 0
    recovery.assert_only_begun_ones_are_back()
    assert "The engine has stopped" in recovery.process.output
    recovery.assert_next_start_brings_the_rest()


def test_it_ends_well_when_the_time_has_passed(recovery: Recovery) -> None:
    recovery.begin(graceful_shutdown_timeout=2)
    recovery.stop()
    assert recovery.process.wait() == 0
    assert "were not finished within graceful_shutdown_timeout (2 s)" in recovery.process.output
    recovery.assert_next_start_brings_the_rest()


def test_it_ends_well_even_if_the_end_itself_hangs(recovery: Recovery, tmp_path: pathlib.Path) -> None:
    recovery.begin(graceful_shutdown_timeout=2)
    with contextlib.closing(sqlite3.connect(tmp_path / "masakari.sqlite")) as other:
        other.execute("BEGIN EXCLUSIVE")  # whoever writes now waits, and lets nobody else run
        recovery.end_evacuations()
        recovery.stop()
        assert recovery.process.wait(limit=30) == 0
        assert "graceful_shutdown_timeout has passed" in recovery.process.output
    recovery.assert_next_start_brings_the_rest()


def test_many_sighups_at_once(site: Site, process: Process) -> None:
    process.configure(site.simulator.auth_url)
    process.start()
    process.until_it_says("The engine is ready")
    for count in range(1, 6):
        process.signal(signal.SIGHUP)
        process.signal(signal.SIGHUP)
        process.until_it_says("The mutable options were read again", count)
        process.signal(signal.SIGHUP)
    process.signal(signal.SIGTERM)
    assert process.is_running
    assert process.wait() == 0
    assert "Traceback" not in process.output


# what systemd hears


class Systemd:
    """The end of NOTIFY_SOCKET at which systemd sits."""

    def __init__(self, path: pathlib.Path) -> None:
        self.address = str(path)
        self.messages: list[str] = []
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._channel.bind(self.address)
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def until(self, message: str, count: int = 1) -> None:
        """Wait until a line was heard."""
        polling.wait_until(lambda: self.lines.count(message) >= count, 0.01, 20, f"{message!r}, for systemd")

    @property
    def lines(self) -> list[str]:
        """What was heard, line by line."""
        return [line for message in self.messages for line in message.split("\n")]

    def close(self) -> None:
        """Hear nothing more."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
            own.sendto(b"", self.address)
        self._thread.join()
        self._channel.close()

    def _listen(self) -> None:
        while message := self._channel.recv(4096):
            self.messages.append(message.decode())


@pytest.fixture
def systemd(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Systemd]:
    """Listen as systemd does to a unit with WatchdogSec=0.4."""
    listener = Systemd(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", listener.address)
    monkeypatch.setenv("WATCHDOG_USEC", "400000")
    yield listener
    listener.close()


def test_systemd_hears_how_it_is_from_start_to_end(recovery: Recovery, systemd: Systemd) -> None:
    recovery.begin()
    systemd.until("READY=1")
    systemd.until(f"STATUS=ready; recovering 1 hosts: {HOST}")
    beats = systemd.lines.count("WATCHDOG=1")
    systemd.until("WATCHDOG=1", beats + 2)
    recovery.process.signal(signal.SIGHUP)
    systemd.until("READY=1", 2)
    assert systemd.lines.index("RELOADING=1") < len(systemd.lines) - systemd.lines[::-1].index("READY=1")
    recovery.stop()
    systemd.until("STOPPING=1")
    systemd.until(f"STATUS=stopping; recovering 1 hosts: {HOST}")
    beats = systemd.lines.count("WATCHDOG=1")
    systemd.until("WATCHDOG=1", beats + 2)
    assert f"EXTEND_TIMEOUT_USEC={int(heartbeat.LIMIT * 1e6)}" in systemd.messages[-1]
    recovery.end_evacuations()
    assert recovery.process.wait() == 0


def test_it_is_alive_and_not_ready_while_the_broker_is_away(
    site: Site, process: Process, systemd: Systemd
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        port = nobody.getsockname()[1]
        process.configure(site.simulator.auth_url, transport_url=f"rabbit://u:p@127.0.0.1:{port}/")
        process.start()
        systemd.until("STATUS=waiting for the message broker; no host to recover")
        systemd.until("WATCHDOG=1", 4)
        # however long it takes: systemd shall not end a recovery because of it
        systemd.until(f"EXTEND_TIMEOUT_USEC={int(heartbeat.LIMIT * 1e6)}", 4)
        process.signal(signal.SIGTERM)
        systemd.until("STOPPING=1")
        assert process.wait() == 0
    assert "READY=1" not in systemd.lines


def test_a_broker_that_is_away_does_not_keep_the_drain_from_its_beginning(site: Site) -> None:
    service = site.engine.service
    site.engine.api.list_notifications()
    answered, server_stop = threading.Event(), service._server.stop

    def stop() -> None:
        answered.wait(timeout=20)
        server_stop()

    service._server.stop = stop
    ending = threading.Thread(target=site.stop)
    ending.start()
    polling.wait_until(service._dispatcher.is_stopping, 0.01, 5, "the drain's beginning")
    assert not answered.is_set()
    answered.set()
    ending.join()
