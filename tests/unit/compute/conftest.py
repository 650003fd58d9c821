"""A NovaAPI on a simulated cloud whose time the test advances, and pauses that take none."""

import dataclasses
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from keystoneauth1 import loading

from masakari_lite import polling
from masakari_lite.compute.nova import NovaAPI
from masakari_lite_simulator import ManualClock, Simulator, SimulatorOptions
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.server import HttpServer
from tests.harness.monitor import HOST
from tests.harness.site import build_conf


class Pauses:
    """The pauses between two tries: they are counted and not made; each may do something."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.then: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        self.then()
        time.sleep(0.001)


@pytest.fixture
def pauses(monkeypatch) -> Pauses:
    made = Pauses()
    monkeypatch.setattr("tenacity.nap.time", made)
    return made


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock) -> Iterator[Simulator]:
    options = SimulatorOptions(evacuation_latency=10.0, action_latency=1.0)
    with Simulator(options, clock) as running:
        for number in (1, 2, 3):
            running.cloud.add_host(f"compute-{number}")
        yield running


@pytest.fixture
def connect(simulator, tmp_path, pauses) -> Iterator[Callable[..., NovaAPI]]:
    """Make a NovaAPI: connect(nova__retry_period=5)."""
    made: list[NovaAPI] = []

    def make(is_stopping: Callable[[], bool] = lambda: False, **changes: Any) -> NovaAPI:
        conf = build_conf(simulator, tmp_path)
        conf.register_opts(loading.get_auth_plugin_conf_options("password"), "nova")
        for name, value in changes.items():
            group, _, option = name.rpartition("__")
            conf.set_override(option, value, group=group or None)
        made.append(NovaAPI(conf, is_stopping))
        return made[-1]

    yield make
    for one in made:
        polling.wait_until(lambda nova=one: not nova.evacuations.is_polling, 0.01, 30, "the last poll")
        one.client._session.session.close()


@pytest.fixture
def nova(connect) -> NovaAPI:
    return connect()


@pytest.fixture
def impatient(connect) -> NovaAPI:
    """A NovaAPI that tries everything once."""
    return connect(nova__retry_period=0)


@pytest.fixture
def server(simulator):
    """An active instance on the host."""
    return simulator.cloud.add_server(HOST)


@pytest.fixture
def down(simulator, server):
    """An active instance on the host, which is dead and forced down."""
    simulator.cloud.fail_host(HOST)
    simulator.cloud.force_down(HOST)
    return server


@dataclasses.dataclass
class Gateway:
    """Something in front of Nova that answers what it is told to."""

    url: str
    answers: list[Response | None] = dataclasses.field(default_factory=list)
    requests: list[Request] = dataclasses.field(default_factory=list)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    lock = threading.Lock()

    def answer(request: Request) -> Response | None:
        with lock:
            front.requests.append(request)
            return front.answers.pop(0) if len(front.answers) > 1 else front.answers[0]

    http = HttpServer(answer, "127.0.0.1", 0)
    front = Gateway(f"{http.url}/v2.1")
    http.start()
    yield front
    http.stop()
