"""A broker that refuses what the engine asks of it, and callers that have to wait."""

import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest

from masakari_lite.engine import service
from masakari_lite.models import Notification
from masakari_lite.rpc import server
from tests.functional.harness import Site, build_notification


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


def test_while_the_journal_is_away_all_who_notify_wait_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a row, each for as long as the database is waited for, they would use up the server's threads."""
    journal = site.engine.service._journal
    back, waiting = threading.Event(), []
    real = journal.get_notification

    def wait(notification_uuid: str) -> Notification:
        waiting.append(notification_uuid)
        back.wait(20)
        return real(notification_uuid)

    monkeypatch.setattr(journal, "get_notification", wait)
    for number in range(3):
        site.engine.api.cast_notification(build_notification(f"compute-{number}"))
    site.until(lambda: len(waiting) == 3)
    back.set()
    site.until(lambda: len(site.engine.api.list_notifications()) == 3)
