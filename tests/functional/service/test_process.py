"""The engine's real process: signals, crashes, and what it says when it cannot work."""

import dataclasses
import pathlib
import re
import signal
from collections.abc import Callable
from typing import Any

import pytest

from masakari_lite.engine import validation
from masakari_lite.models import NotificationStatus
from masakari_lite_simulator import Server
from tests.harness.monitor import HOST, build_notification
from tests.harness.process import Process, leave, wait_for_end
from tests.harness.site import Site

ONLINE = {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "ONLINE"}


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
    assert process.wait() == 0
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
    site = build_site(cloud={"evacuation_latency": 600})
    servers = site.add(4)
    notification = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url, graceful_shutdown_timeout=2, wait_period_after_evacuation=120)
    process.start()
    site.until(lambda: len(site.cloud.migrations) == 3)
    process.signal(signal.SIGTERM)
    process.wait()
    assert "Traceback" not in process.output
    site.cloud.options.evacuation_latency = 0.2
    site.clock.leap(600)
    process.start()
    assert wait_for_end(site, notification) is NotificationStatus.FINISHED
    site.assert_evacuated_once(*servers)
    assert not any(server.locked for server in servers)


def test_an_idle_engine_stops_at_once(site: Site, process: Process) -> None:
    process.configure(site.simulator.auth_url, graceful_shutdown_timeout=600)
    process.start()
    process.until_it_says("The engine is ready")
    process.signal(signal.SIGTERM)
    assert process.wait() == 0


def test_sighup_rereads_the_mutable_options(build_site: Callable[..., Site], process: Process) -> None:
    site = build_site(cloud={"evacuation_latency": 0.4})
    site.add(4)
    first = leave(site)
    site.cloud.fail_host(HOST)
    process.configure(site.simulator.auth_url, host_failure_recovery_threads=1)
    process.start()
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
    assert process.is_running
    assert "Traceback" not in process.output


def _most_at_once(site: Site) -> int:
    changes = []
    for record in site.cloud.migrations:
        changes += [(record.accepted, 1), (record.finished or 0, -1)]
    running = most = 0
    for _time, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def test_sighup_with_a_bad_option_changes_nothing(build_site: Callable[..., Site], process: Process) -> None:
    site = build_site()
    process.configure(site.simulator.auth_url)
    process.start()
    process.until_it_says("The engine is ready")
    process.configure(site.simulator.auth_url, host_failure_recovery_threads=0)
    process.signal(signal.SIGHUP)
    (server,) = site.add(1)
    site.cloud.fail_host(HOST)
    notification = leave(site)
    site.until(lambda: not process.is_running or site.has(server, locked_by=None, host="compute-2"))
    assert process.is_running, process.output
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


def test_a_log_line_cannot_be_forged(site: Site, process: Process) -> None:
    """Not even by a host name in the journal, which by RPC could not have come there."""
    with site.journal() as journal:
        good = validation.parse_notification(build_notification())
        journal.notifications.add(dataclasses.replace(good, hostname="x\n2026 INFO forged \x1b[2J"))
    process.configure(site.simulator.auth_url)
    process.start()
    process.until_it_says("Recovering host x")
    assert "Recovering host x\\n2026 INFO forged \\x1b[2J (attempt 1)" in process.output
