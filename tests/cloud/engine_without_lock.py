"""The engine with its lock switched off: shows that the test of bug 1693728 can fail."""

import sys

from masakari_lite.cmd import engine
from masakari_lite.compute.servers import Servers


def _leave_open(_servers: Servers, *_arguments: object) -> None:
    """Lock nothing."""


if __name__ == "__main__":
    Servers.lock = _leave_open  # type: ignore[method-assign]
    sys.exit(engine.main())
