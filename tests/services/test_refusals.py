"""A real RabbitMQ that refuses the engine: it says once why and what to do, and so does health."""

import contextlib
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest

from tests.harness.servers import RabbitMQ
from tests.services.stage import Stage

QUORUM = {"oslo_messaging_rabbit__rabbit_quorum_queue": "true"}
REFUSED = "No RPC can be served"
SERVED = "RPC is served again"


@pytest.fixture
def vhost(broker: RabbitMQ) -> Iterator[str]:
    """A virtual host of the test's own."""
    name = f"v{uuid.uuid4().hex[:8]}"
    broker.start()
    broker.control("add_vhost", name)
    broker.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
    yield name
    broker.control("delete_vhost", name)


@contextlib.contextmanager
def channel(broker: RabbitMQ, vhost: str) -> Iterator[Any]:
    url = f"amqp://guest:guest@127.0.0.1:{broker.port}/{vhost}"
    with kombu.Connection(url) as connection, connection.channel() as opened:
        yield opened


def ask_health(stage: Stage) -> tuple[int, str]:
    """Run 'masakari-lite health' beside the engine."""
    command = [sys.executable, "-W", "ignore", "-m", "masakari_lite.cmd.cli"]
    options = ["--config-file", str(stage.process.path), "--timeout", "3", "health"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def build(build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str, **options: str) -> Stage:
    user = options.pop("user", "guest:guest")
    url = f"rabbit://{user}@127.0.0.1:{broker.port}/{vhost}"
    return build_stage(transport_url=url, masakari_topic="ha_engine", **options)


def assert_told(stage: Stage, *words: str) -> None:
    """Make sure that log and health say it, the log once, and the driver nothing."""
    stage.process.start()
    stage.process.until_it_says(REFUSED, limit=60)
    stage.until(lambda: "serves no RPC" in ask_health(stage)[1], limit=30)
    status, said = ask_health(stage)
    assert status == 2
    for word in words:
        assert word in said
        assert word in stage.process.output
    assert stage.count_said(REFUSED) == 1
    assert not [line for line in stage.complaints(ours=False) if "declare" in line or "AMQP" in line]


def assert_works(stage: Stage) -> None:
    """Make sure that a monitor is answered, and a host recovered."""
    stage.process.until_it_says(SERVED, limit=60)
    with stage.monitor() as api:
        assert api.get_health()["healthy"]
    assert ask_health(stage)[0] == 0


@pytest.mark.parametrize("left", ["exchange", "queue", "type"])
def test_what_an_earlier_release_has_left(
    build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str, left: str
) -> None:
    """Quorum queues were switched on, as Kolla-Ansible does."""
    with channel(broker, vhost) as opened:
        if left == "exchange":
            opened.exchange_declare("masakari", "topic", durable=False, auto_delete=False)
        else:
            opened.queue_declare("ha_engine", durable=left == "type", auto_delete=False)
    stage = build(build_stage, broker, vhost, **QUORUM)
    if left == "exchange":
        assert_told(stage, f"rabbitmqadmin -V {vhost} delete exchange name=masakari", "rabbit_quorum_queue")
        with channel(broker, vhost) as opened:
            opened.exchange_delete("masakari")
    else:
        assert_told(stage, f"rabbitmqctl delete_queue -p {vhost} ha_engine", "rabbit_quorum_queue")
        broker.control("delete_queue", "-p", vhost, "ha_engine")
    assert_works(stage)


def test_a_virtual_host_that_is_not_there(
    build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str
) -> None:
    other = f"{vhost}-other"
    stage = build(build_stage, broker, other)
    assert_told(stage, f"rabbitmqctl add_vhost {other}")
    broker.control("add_vhost", other)
    broker.control("set_permissions", "-p", other, "guest", ".*", ".*", ".*")
    assert_works(stage)
    stage.process.kill()
    broker.control("delete_vhost", other)


@pytest.mark.parametrize("granted", [(), ("^$", ".*", ".*"), (".*", ".*", "^$")])
def test_a_user_without_the_permissions(
    build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str, granted: tuple[str, ...]
) -> None:
    user = f"u{uuid.uuid4().hex[:8]}"
    broker.control("add_user", user, "secret")
    if granted:
        broker.control("set_permissions", "-p", vhost, user, *granted)
    stage = build(build_stage, broker, vhost, user=f"{user}:secret")
    assert_told(stage, f"rabbitmqctl set_permissions -p {vhost} {user} '.*' '.*' '.*'")
    broker.control("set_permissions", "-p", vhost, user, ".*", ".*", ".*")
    assert_works(stage)
    stage.process.kill()
    broker.control("delete_user", user)


def test_a_wrong_password(build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str) -> None:
    stage = build(build_stage, broker, vhost, user="guest:wrong")
    assert_told(stage, "the user or the password of [DEFAULT] transport_url")


def test_tls_where_there_is_none(build_stage: Callable[..., Stage], broker: RabbitMQ, vhost: str) -> None:
    stage = build(build_stage, broker, vhost, oslo_messaging_rabbit__ssl="true")
    stage.process.start()
    stage.process.until_it_says("there is no TLS at that port of the broker", limit=60)
    stage.until(lambda: "there is no TLS at that port" in ask_health(stage)[1], limit=30)
    assert stage.count_said("The message broker does not answer") == 1
