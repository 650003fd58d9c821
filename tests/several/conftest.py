"""The servers and the zygote that the tests share, and a stage for each."""

import contextlib
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.harness.forks import Zygote
from tests.several.servers import ServerMissing, Servers, find
from tests.several.site import FAILING, Site
from tests.several.stage import Stage, staged


@pytest.fixture(scope="session")
def servers() -> Servers:
    """The servers that the environment names."""
    try:
        return find()
    except ServerMissing as error:
        pytest.exit(str(error), 2)


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote() as running:
        yield running


@pytest.fixture
def build_stage(servers: Servers, zygote: Zygote, tmp_path: pathlib.Path) -> Iterator[Callable[..., Stage]]:
    """Build a stage with one host that is going to fail; ``cloud`` has the simulator's options."""
    with contextlib.ExitStack() as stack:

        def build(cloud: dict[str, Any] | None = None, lease: int = 2, **changes: Any) -> Stage:
            site = Site(1, FAILING[:1], **(cloud or {}))
            return stack.enter_context(staged(site, servers, zygote, tmp_path, lease, **changes))

        yield build
