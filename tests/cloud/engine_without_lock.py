"""The engine with its lock switched off: shows that the test of bug 1693728 can fail."""

import sys

from masakari_lite.cmd import engine
from masakari_lite.compute.nova import NovaAPI


def _leave_open(_nova: NovaAPI, uuid: str, reason: str) -> None:
    """Lock nothing."""


if __name__ == "__main__":
    NovaAPI.lock = _leave_open  # type: ignore[method-assign]
    sys.exit(engine.main())
