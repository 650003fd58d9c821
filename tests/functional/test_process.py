"""The engine's real process: signals, crashes, and what it says when it cannot work."""

import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from masakari_lite import polling
from masakari_lite.engine import validation
from masakari_lite.models import NotificationStatus
from masakari_lite.simulator import Server
from tests.functional.harness import HOST, NOVA_AUTH, Site, build_notification

ONLINE = {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "ONLINE"}


class Process:
    """masakari-lite-engine on a configuration file of its own."""

    def __init__(self, directory: pathlib.Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.path = directory / "engine.conf"

    def configure(self, auth_url: str = "http://127.0.0.1:9/v3", **changes: Any) -> None:
        """Write the configuration file; ``group__name=value`` sets an option, None leaves it out."""
        groups: dict[str, dict[str, Any]] = {
            "DEFAULT": {
                "transport_url": "fake:/",
                "state_path": self._directory,
                "verify_interval": 0.05,
                "process_unfinished_notifications_interval": 1,
                "retry_notification_new_status_interval": 0,
                "wait_period_after_evacuation": 3,
            },
            "nova": {"auth_url": auth_url, **NOVA_AUTH},
        }
        for name, value in changes.items():
            group, _, option = name.rpartition("__")
            groups.setdefault(group or "DEFAULT", {})[option] = value
        self.path.write_text(
            "\n".join(
                line
                for group, values in groups.items()
                for line in (
                    f"[{group}]",
                    *(f"{name} = {value}" for name, value in values.items() if value is not None),
                )
            )
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the engine, by default with the configuration file."""
        arguments = arguments or ("--config-file", str(self.path))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-W",
                    "error::ResourceWarning",
                    "-m",
                    "masakari_lite.cmd.engine",
                    *arguments,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=pathlib.Path(__file__).parents[2],
                env=os.environ | {"PYTHONPATH": str(pathlib.Path(__file__).parents[2])},
            )
        return self._process

    def run(self, *arguments: str, limit: float = 30) -> tuple[int, str]:
        """Run the engine to its end; return the exit status and what it wrote."""
        self._log.unlink(missing_ok=True)
        return self.wait(self.start(*arguments), limit), self.output

    def wait(self, process: subprocess.Popen[bytes] | None = None, limit: float = 30) -> int:
        """Wait until the process has ended; return its exit status."""
        process = process or self._process
        assert process
        polling.wait_until(lambda: process.poll() is not None, 0.01, limit, "end of the engine's process")
        return process.returncode

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        assert self._process
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the process as a power failure does."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self.wait()

    @property
    def output(self) -> str:
        """What the process wrote to standard output and error."""
        return self._log.read_text()

    def until_it_says(self, text: str, count: int = 1, limit: float = 20) -> None:
        """Wait for a line in the log."""
        polling.wait_until(lambda: self.output.count(text) >= count, 0.02, limit, f"{text!r} in the log")

    @property
    def _log(self) -> pathlib.Path:
        return self._directory / "engine.log"


@pytest.fixture
def process(tmp_path: pathlib.Path) -> Iterator[Process]:
    """Make an engine's process; it does not outlive the test."""
    engine = Process(tmp_path)
    try:
        yield engine
    finally:
        engine.kill()


def leave(site: Site, **changes: Any) -> str:
    """Write a new notification to the journal, for an engine to take up."""
    raw = build_notification(notification_uuid=str(uuid.uuid4()), **changes)
    with site.journal() as journal:
        return journal.add_notification(validation.parse_notification(raw)).notification_uuid


def wait_for_end(site: Site, notification_uuid: str) -> NotificationStatus:
    """Wait until an engine's process has ended a notification."""
    with site.journal() as journal:

        def ended() -> NotificationStatus | None:
            status = journal.get_notification(notification_uuid).status
            return None if status.is_active else status

        return polling.wait_until(ended, 0.05, 20, "the end of the notification")


def add_some_of_each(site: Site) -> dict[str, list[Server]]:
    """Put instances on compute-1; return them by the vm_state that they are to have in the end."""
    return {
        "active": site.add(5) + site.add(1, locked_by="owner", locked_reason="mine"),
        "stopped": site.add(2, vm_state="stopped") + site.add(2, vm_state="paused"),
        "error": site.add(1, vm_state="error", power_state=4),
    }


def assert_all_as_if_nothing_had_happened(site: Site, servers: dict[str, list[Server]]) -> None:
    for vm_state, of_that in servers.items():
        site.assert_evacuated_once(*of_that, vm_state=vm_state)
    locked = {(server.locked_by, server.locked_reason) for of_that in servers.values() for server in of_that}
    assert locked == {(None, None), ("owner", "mine")}


@pytest.mark.parametrize(
    ("kind", "count"),
    [("server.lock", 1), ("server.evacuate", 2), ("server.evacuate", 6), ("server.unlock", 9)],
)
def test_after_kill_9_it_ends_as_if_nothing_had_happened(
    build_site: Callable[..., Site], process: Process, kind: str, count: int
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3, "action_latency": 0.1})
    servers = add_some_of_each(site)
    notification = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url)
    process.start()
    site.until(lambda: site.simulator.requests.count(kind) >= count)
    process.kill()
    process.start()
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    assert_all_as_if_nothing_had_happened(site, servers)


def test_killed_again_and_again_it_still_ends_well(build_site: Callable[..., Site], process: Process) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3, "action_latency": 0.1})
    servers = add_some_of_each(site)
    notification = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url)
    for _ in range(2):
        process.start()
        before = len(site.cloud.migrations)
        site.until(lambda before=before: len(site.cloud.migrations) >= before + 2)
        process.kill()
    process.start()
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    assert_all_as_if_nothing_had_happened(site, servers)


def test_sigterm_finishes_what_is_in_flight_and_a_start_the_rest(
    build_site: Callable[..., Site], process: Process
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.5, "action_latency": 0.1})
    servers = add_some_of_each(site)
    notification = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url, graceful_shutdown_timeout=20)
    process.start()
    site.until(lambda: len(site.cloud.migrations) >= 3)
    process.signal(signal.SIGTERM)
    assert process.wait(limit=10) == 0
    assert 3 <= len(site.cloud.migrations) <= 6
    assert [record.status for record in site.cloud.migrations] == ["done"] * len(site.cloud.migrations)
    site.assert_safe()
    assert "The engine has stopped" in process.output
    assert "Traceback" not in process.output
    process.start()
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    assert_all_as_if_nothing_had_happened(site, servers)


def test_sigterm_in_too_little_time_leaves_the_rest_to_the_next_start(
    build_site: Callable[..., Site], process: Process
) -> None:
    site = build_site(cloud={"evacuation_latency": 4})
    servers = site.add(4)
    notification = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url, graceful_shutdown_timeout=2, wait_period_after_evacuation=20)
    process.start()
    site.until(lambda: len(site.cloud.migrations) == 3)
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    process.wait(limit=10)
    assert time.monotonic() - begun < 4
    assert "Traceback" not in process.output
    site.cloud.options.evacuation_latency = 0.2
    process.start()
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    site.assert_evacuated_once(*servers)
    assert not any(server.locked for server in servers)


def test_an_idle_engine_stops_at_once(site: Site, process: Process) -> None:
    process.configure(site.simulator.auth_url)
    process.start()
    process.until_it_says("The engine is ready")
    begun = time.monotonic()
    process.signal(signal.SIGTERM)
    assert process.wait() == 0
    assert time.monotonic() - begun < 3


def test_sighup_rereads_the_mutable_options(build_site: Callable[..., Site], process: Process) -> None:
    site = build_site(cloud={"evacuation_latency": 0.4})
    site.add(4)
    first = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url, host_failure_recovery_threads=1)
    running = process.start()
    site.until(lambda: len(site.cloud.migrations) == 2)
    process.configure(site.simulator.auth_url, host_failure_recovery_threads=4)
    process.signal(signal.SIGHUP)
    process.until_it_says("The mutable options were read again")
    assert wait_for_end(site, first) is NotificationStatus.FINISHED
    assert _most_at_once(site) == 1  # the recovery that runs is not disturbed
    servers = site.add(4)
    second = leave(site, payload=ONLINE)
    assert wait_for_end(site, second) is NotificationStatus.FINISHED
    assert _most_at_once(site) == 4
    site.assert_evacuated_once(*servers)
    assert running.poll() is None
    assert "Traceback" not in process.output


def _most_at_once(site: Site) -> int:
    changes = []
    for record in site.cloud.migrations:
        changes += [(record.accepted, 1), (record.ended or 0, -1)]
    running = most = 0
    for _time, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def test_sighup_with_a_bad_option_changes_nothing(build_site: Callable[..., Site], process: Process) -> None:
    site = build_site()
    process.configure(site.simulator.auth_url)
    running = process.start()
    process.until_it_says("The engine is ready")
    process.configure(site.simulator.auth_url, host_failure_recovery_threads=0)
    process.signal(signal.SIGHUP)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    notification = leave(site)
    site.until(lambda: running.poll() is not None or site.has(server, locked_by=None, host="compute-2"))
    assert running.poll() is None, process.output
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    site.assert_evacuated_once(server)


# what cannot work is said in one line


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"nova__auth_type": None}, r"\[nova\] auth_type is not set"),
        ({"nova__auth_type": "telepathy"}, r"\[nova\].*telepathy"),
        ({"state_path": "/proc/1/no-such-place"}, r"/proc/1/no-such-place|state_path"),
        ({"host_failure_recovery_threads": 0}, "host_failure_recovery_threads"),
        ({"transport_url": "carrier-pigeon://"}, "carrier-pigeon"),
        ({"database__connection": "oracle_of_delphi://x/y"}, "oracle_of_delphi"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused_in_one_line(
    process: Process, changes: dict[str, Any], word: str
) -> None:
    process.configure(**changes)
    status, output = process.run()
    _assert_one_line(status, output, word)


def _assert_one_line(status: int, output: str, word: str) -> None:
    lines = [line for line in output.splitlines() if line.startswith("masakari-lite-engine: ")]
    assert status == 1, output
    assert "Traceback" not in output
    assert len(lines) == 1, output
    assert re.search(word, lines[0]), output
    assert lines[0] == output.splitlines()[-1]


def test_a_missing_configuration_file_is_named(process: Process) -> None:
    status, output = process.run("--config-file", "/nonexistent/masakari.conf")
    _assert_one_line(status, output, "/nonexistent/masakari.conf")


def test_a_database_server_that_cannot_be_reached_is_refused_in_one_line(process: Process) -> None:
    process.configure(
        database__connection="mysql+pymysql://u:secret@127.0.0.1:9/masakari",
        database__max_retries=0,
        database__retry_interval=0,
    )
    status, output = process.run()
    _assert_one_line(status, output, r"\[database\] connection")
    assert "secret" not in output


def test_help_and_version(process: Process) -> None:
    status, output = process.run("--help")
    assert status == 0
    assert "--config-file" in output
    assert "--upgrade-db" in output
    status, output = process.run("--version")
    assert status == 0
    assert re.fullmatch(r"\d+\.\d+\S*\n", output)


def test_an_unknown_argument_is_refused(process: Process) -> None:
    status, output = process.run("--frobnicate")
    assert status != 0
    assert "--frobnicate" in output
    assert "Traceback" not in output


def test_upgrade_db_makes_the_journal_and_ends(process: Process, tmp_path: pathlib.Path) -> None:
    process.configure(nova__auth_type=None)  # is not needed for that
    for _ in range(2):
        status, output = process.run("--config-file", str(process.path), "--upgrade-db")
        assert (status, "Traceback" in output) == (0, False)
    assert (tmp_path / "masakari.sqlite").exists()
