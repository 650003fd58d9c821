"""A site for each test: a simulated cloud and an engine on it, both its own."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tenacity
from futurist import _thread

from masakari_lite.compute import retries
from masakari_lite.models import JsonDict
from tests.functional.harness import Site


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


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat requests, and end the RPC server's idle threads, sooner than in production."""
    monkeypatch.setattr(retries, "_growing", tenacity.wait_exponential(0.02, 0.1))
    monkeypatch.setattr(_thread.ThreadWorker, "MAX_IDLE_FOR", 0.05)
