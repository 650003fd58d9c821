"""masakari-lite health, and what the engine finds out about itself."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest

from masakari_lite import clocks, polling
from masakari_lite.health import heartbeat, monitor
from masakari_lite.rpc import server, transport
from masakari_lite.rpc.client import EngineAPI
from masakari_lite_simulator.faults import Fault
from tests.functional.service.test_cli import Result, Run, run_with
from tests.harness.monitor import HOST
from tests.harness.process import Process
from tests.harness.site import Site

NAMES = ["rpc", "dispatcher", "journal", "nova", "claims"]


@pytest.fixture
def run(site: Site, tmp_path: pathlib.Path) -> Run:
    """Run a command on the site's masakari.conf, beside its engine."""
    assert site.engine
    wait_until_it_serves(site)
    site.until(lambda: site.simulator.requests.count("server.list"))  # it has looked for stale locks
    return lambda *arguments: run_health(tmp_path, *arguments)


@pytest.fixture
def long_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have Nova's answer stand for an hour, however slow this machine is."""
    monkeypatch.setattr(monitor, "_NOVA_MAX_AGE", 3600.0)


def wait_until_it_serves(site: Site) -> None:
    site.engine.api.list_notifications()


def run_health(directory: pathlib.Path, *arguments: str) -> Result:
    return run_with("--config-file", str(directory / "masakari.conf"), "health", "-f", "json", *arguments)


def find(result: Result, name: str) -> dict[str, Any]:
    (found,) = [check for check in result.json if check["check"] == name]
    return found


@pytest.mark.parametrize("whom", [(), ("--any",)])
def test_all_is_well(run: Run, whom: tuple[str, ...]) -> None:
    result = run(*whom)
    assert result.status == 0, result.err
    assert [(check["check"], check["ok"]) for check in result.json] == [(name, True) for name in NAMES]
    assert "recovers no host" in find(result, "rpc")["message"]
    assert find(result, "nova")["message"] == "answers, at microversion 2.94"


def test_which_hosts_it_recovers(build_site: Callable[..., Site], tmp_path: pathlib.Path) -> None:
    site = build_site({"evacuation_latency": 0.1, "service_down_time": 60.0})
    wait_until_it_serves(site)
    site.add(1)
    site.cloud.fail_host(HOST)
    notification = site.engine.notify()["notification_uuid"]
    polling.wait_until(lambda: site.engine.api.get_health()["recoveries"] == [HOST], 0.02, 10, "the recovery")
    assert f"recovers {HOST}" in find(run_health(tmp_path), "rpc")["message"]
    site.cloud.force_down(HOST)
    site.engine.wait(notification)
    polling.wait_until(lambda: not site.engine.api.get_health()["recoveries"], 0.02, 10, "its end")


@pytest.mark.parametrize("kind", ["server.list", "version.show", "token.create"])
def test_nova_or_keystone_that_fails_is_told_at_once(site: Site, run: Run, kind: str) -> None:
    site.simulator.faults.add(kind, Fault(status=503))
    if kind != "server.list":  # as on the first contact
        site.engine.service._nova.client._negotiated.client = None
        site.engine.service._nova.client._session.invalidate()
    result = run()
    assert result.status == 1
    assert [check["check"] for check in result.json if not check["ok"]] == ["nova"]
    assert "503" in find(result, "nova")["message"]  # and not that it was waited for
    site.simulator.faults.clear()


def test_nova_that_hangs_does_not_keep_the_answer(long_remembered: None, site: Site, run: Run) -> None:
    fault = site.simulator.faults.add("server.list", Fault(delay=7.0))
    result = run()
    assert result.status == 1
    assert find(result, "journal")["ok"]
    assert find(result, "nova")["message"].startswith("no answer for ")
    assert run().status == 0
    assert fault.hits == 1  # it was the first one's answer


def test_a_journal_that_cannot_be_read_is_told(run: Run, tmp_path: pathlib.Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "masakari.sqlite")) as other:
        other.execute("ALTER TABLE notifications RENAME TO gone")
        result = run()
        assert result.status == 1
        assert [check["check"] for check in result.json if not check["ok"]] == ["journal"]
        assert "[database] connection" in find(result, "journal")["message"]
        other.execute("ALTER TABLE gone RENAME TO notifications")
    assert run().status == 0


def test_claims_that_cannot_be_made_are_told(run: Run, tmp_path: pathlib.Path) -> None:
    place = tmp_path / "claims"
    shutil.rmtree(place, ignore_errors=True)
    place.touch()  # nobody can make a file in it
    result = run()
    assert result.status == 1
    assert [check["check"] for check in result.json if not check["ok"]] == ["claims"]
    assert f"the claims in file://{place} ([coordination] backend_url)" in find(result, "claims")["message"]
    place.unlink()
    assert run().status == 0


def test_many_probers_cost_nova_one_request(long_remembered: None, site: Site, run: Run) -> None:
    before = site.simulator.requests.count("server.list")
    for _ in range(5):
        assert run().status == 0
    assert site.simulator.requests.count("server.list") == before + 1


# whom it asks


def test_the_engine_of_that_name_and_no_other(
    build_site: Callable[..., Site], tmp_path: pathlib.Path
) -> None:
    wait_until_it_serves(build_site(host="engine-7"))
    assert "engine-7" in find(run_health(tmp_path, "--host", "engine-7"), "rpc")["message"]
    assert run_health(tmp_path, "--any").status == 0
    for arguments in (("--host", "engine-8"), ()):  # the file does not name it, so this machine's is asked
        result = run_health(tmp_path, "--timeout", "0.3", *arguments)
        assert (result.status, result.out) == (2, "")
        assert "no engine answered within 0.3 s" in result.err
        assert len(result.err.splitlines()) == 1
    assert result.err.startswith(f"engine {os.uname().nodename}: ")


def test_a_configuration_that_cannot_be_used(tmp_path: pathlib.Path) -> None:
    result = run_health(tmp_path)
    assert (result.status, result.out) == (2, "")
    assert "the configuration can't be used" in result.err


# by the wire's version


class Older:
    """An engine of version 1.0."""

    target = oslo_messaging.Target(version="1.0")

    def list_notifications(self, ctxt: Any, **_filters: Any) -> list[Any]:
        return []


def test_a_newer_client_still_talks_to_an_older_engine(site: Site, tmp_path: pathlib.Path) -> None:
    connection = transport.get_transport(site.conf)
    older = server.build_server(site.conf, connection, Older())
    older.start()
    try:
        assert EngineAPI(site.conf, timeout=10).list_notifications() == []
        result = run_health(tmp_path)
        assert result.status == 2
        assert "does not support RPC version 1.1" in result.err
    finally:
        older.stop()
        older.wait()
        connection.cleanup()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_older_and_newer_clients_are_answered(site: Site, version: str) -> None:
    client = site.engine.api._client.prepare(version=version)
    assert client.call({}, "list_notifications") == []


# liveness


def test_the_sign_of_life_needs_neither_broker_nor_nova(process: Process, tmp_path: pathlib.Path) -> None:
    process.configure(transport_url="rabbit://u:p@127.0.0.1:9/")
    process.start()
    (path,) = polling.wait_until(lambda: list(tmp_path.glob("*.heartbeat")), 0.05, 20, "a heartbeat")
    assert _ask(process, "--liveness") == (0, "")
    process.kill()
    os.utime(path, (clocks.steady() - heartbeat.LIMIT - 1,) * 2)
    status, said = _ask(process, "--liveness")
    assert status == 2
    assert "dead or stuck: its last heartbeat" in said


def test_an_engine_whose_broker_is_away_cannot_be_asked_and_lives(
    process: Process, tmp_path: pathlib.Path
) -> None:
    process.configure(transport_url="rabbit://u:p@127.0.0.1:9/")
    process.start()
    polling.wait_until(lambda: list(tmp_path.glob("*.heartbeat")), 0.05, 20, "a heartbeat")
    status, said = _ask(process)
    assert status == 2
    assert "the message broker at rabbit://127.0.0.1:9/ can't be reached" in said
    assert len(said.splitlines()) == 1
    assert _ask(process, "--liveness") == (0, "")


def test_an_engine_that_has_ended_leaves_no_sign_of_life(site: Site, run: Run) -> None:
    assert run("--liveness").json[0]["ok"]
    site.stop()
    result = run("--liveness")
    assert (result.status, result.out) == (2, "")
    assert "no engine lives here" in result.err


def _ask(process: Process, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "masakari_lite.cmd.cli", "--config-file", str(process.path)]
    done = subprocess.run([*command, "health", *arguments], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_help_tells_the_exit_statuses() -> None:
    command = [sys.executable, "-m", "masakari_lite.cmd.cli", "health", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for text in ("--host", "--any", "--liveness", "--timeout", "The exit status is 0", "1 when", "2 when"):
        assert text in " ".join(said.split()), text
