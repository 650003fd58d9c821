"""A broker that refuses what the engine asks of it, and callers that have to wait."""

import pathlib
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest

from masakari_lite.engine import service
from masakari_lite.health import heartbeat
from masakari_lite.models import Notification
from masakari_lite.rpc import server
from tests.harness.monitor import build_notification
from tests.harness.site import Site


def test_a_queue_that_cannot_be_had_is_asked_for_again(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As when it is there with other properties: RabbitMQ's 406, or without a permission, its 403."""
    refusals = ["PRECONDITION_FAILED"] * 3
    real = server.build_server

    def build(*arguments: Any) -> Any:
        built = real(*arguments)
        start = built.start

        def refuse_for_a_while() -> None:
            if refusals:
                raise oslo_messaging.MessageDeliveryFailure(refusals.pop())
            start()

        built.start = refuse_for_a_while
        return built

    monkeypatch.setattr(server, "build_server", build)
    monkeypatch.setattr(service, "_PAUSES", (0.05,))
    site = build_site()
    (instance,) = site.add(1)
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(instance)
    said = [record.getMessage() for record in caplog.records if "RPC" in record.getMessage()]
    assert said == ["No RPC can be served, trying again: PRECONDITION_FAILED", "RPC is served again"]


def test_why_a_living_engine_serves_no_rpc_is_told_by_health(
    build_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    """It cannot answer, but leaves the reason, and what to do, beside its sign of life."""
    refusal = "Connection.open: (530) NOT_ALLOWED - vhost masakari not found"
    is_refused = [True]
    real = server.build_server

    def build(*arguments: Any) -> Any:
        built = real(*arguments)
        start = built.start

        def refuse_for_a_while() -> None:
            if is_refused:
                raise oslo_messaging.MessageDeliveryFailure(refusal)
            start()

        built.start = refuse_for_a_while
        return built

    monkeypatch.setattr(server, "build_server", build)
    monkeypatch.setattr(service, "_PAUSES", (0.05,))
    monkeypatch.setattr(heartbeat, "INTERVAL", 0.05)
    site = build_site()
    assert site.engine
    path = heartbeat.find_path(site.conf)
    site.until(lambda: "rabbitmqctl add_vhost masakari" in heartbeat.read_outage(path))
    status, said = ask(tmp_path)
    assert status == 2
    assert "this host's engine is alive, but serves no RPC: the broker has no virtual host masakari" in said
    is_refused.clear()
    site.until(lambda: path.exists() and not heartbeat.read_outage(path))
    assert "serves no RPC" not in ask(tmp_path)[1]


def ask(directory: pathlib.Path) -> tuple[int, str]:
    """Run 'masakari-lite health', which reaches nobody by fake:; return its status and what it says."""
    command = [sys.executable, "-W", "ignore", "-m", "masakari_lite.cmd.cli"]
    options = ["--config-file", str(directory / "masakari.conf"), "--timeout", "1", "health"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stderr


def test_while_the_journal_is_away_all_who_notify_wait_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a row, each for as long as the database is waited for, they would use up the server's threads."""
    journal = site.engine.service._journal
    back, waiting = threading.Event(), []
    real = journal.notifications.get

    def wait(notification_uuid: str) -> Notification:
        waiting.append(notification_uuid)
        back.wait(20)
        return real(notification_uuid)

    monkeypatch.setattr(journal.notifications, "get", wait)
    for number in range(3):
        site.engine.api.cast_notification(build_notification(f"compute-{number}"))
    site.until(lambda: len(waiting) == 3)
    back.set()
    site.until(lambda: len(site.engine.api.list_notifications()) == 3)
