"""A site for each test: a simulated cloud and an engine on it, both its own; or the engine's process."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tenacity
from futurist import _thread

from masakari_lite import transitions
from masakari_lite.compute import retries
from masakari_lite.models import JsonDict
from tests.harness.process import Process
from tests.harness.site import Site


@pytest.fixture
def build_site(tmp_path: pathlib.Path) -> Iterator[Callable[..., Site]]:
    """Build sites; ``cloud`` has the simulator's options, everything else is the engine's."""
    with contextlib.ExitStack() as stack:

        def build(cloud: JsonDict | None = None, **changes: Any) -> Site:
            return Site(tmp_path, stack, cloud or {}, **changes)

        yield build


@pytest.fixture
def site(build_site: Callable[..., Site]) -> Site:
    """Build a site with nothing special about it."""
    return build_site()


@pytest.fixture
def process(tmp_path: pathlib.Path) -> Iterator[Process]:
    """Make an engine's process; it does not outlive the test."""
    engine = Process(tmp_path)
    try:
        yield engine
    finally:
        engine.kill()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests, and end the RPC server's idle threads, sooner than in production."""
    monkeypatch.setattr(retries, "_growing", tenacity.wait_exponential(0.02, 0.1))
    monkeypatch.setattr(_thread.ThreadWorker, "MAX_IDLE_FOR", 0.05)


@pytest.fixture(autouse=True)
def _only_known_transitions(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which a status or a step changes as the tables do not have it."""
    unexpected: list[str] = []
    monkeypatch.setattr(
        transitions.LOG, "error", lambda message, *arguments: unexpected.append(message % arguments)
    )
    yield
    assert not unexpected
