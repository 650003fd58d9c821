"""The sign of life that systemd's watchdog and Kubernetes' liveness probe look for.

It ends when a restart would help, and for nothing else: it beats on while Nova, the broker or the database
is away, and not when green threads do not run any more or the looks into the journal hang.
"""

import logging
import os
import pathlib
import time
from collections.abc import Callable

from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.engine.systemd import Notifier
from masakari_lite.rpc import transport

LOG = logging.getLogger(__name__)

INTERVAL = 5.0
# an engine that has not beaten for so long is taken for dead
LIMIT = 30.0


class Pulse:
    """Beats for systemd, and in a file for whoever looks there."""

    def __init__(self, path: pathlib.Path, notifier: Notifier, check: Callable[[], object]) -> None:
        """Beat not yet.

        :param path: the file whose time of change is the last beat's
        :param check: raises EngineStuck when there shall be no further beat
        """
        self._path = path
        self._notifier = notifier
        self._check = check
        self._is_stuck = False

    @property
    def interval(self) -> float:
        """Seconds between two beats: two or more for each that the watchdog wants."""
        return min(INTERVAL, (self._notifier.watchdog or 2 * INTERVAL) / 2)

    def beat(self) -> None:
        """Give a sign of life, unless the engine is stuck."""
        was_stuck, self._is_stuck = self._is_stuck, False
        try:
            self._check()
        except exceptions.EngineStuck as error:
            self._is_stuck = True
            if not was_stuck:
                LOG.error("The engine gives no more sign of life: %s", error)
            return
        self._notifier.beat(LIMIT)
        try:
            self._path.touch()
        except OSError as error:
            LOG.debug("%s", error)

    def end(self) -> None:
        """Leave no sign of life behind."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            LOG.debug("%s", error)


def find_path(conf: cfg.ConfigOpts) -> pathlib.Path:
    """Tell where the engine of this machine and configuration beats."""
    name = transport.get_server_name(conf).replace(os.sep, "_")
    return pathlib.Path(conf.state_path, f"masakari-lite-engine.{name}.pulse")


def find_age(path: pathlib.Path) -> float | None:
    """Tell how many seconds ago the last beat was; None when there was none."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return None
