"""The heartbeat that systemd's watchdog and Kubernetes' liveness probe read.

It stops when a restart would help, and for nothing else: it continues while Nova, the broker or the database
is unreachable, and stops when green threads do not run any more or the polls of the journal hang.

The file's time of change is in seconds since the machine was started, so that setting the machine's clock
makes no engine look dead, and no dead one alive. It can be set on a full disk, too.
"""

import logging
import os
import pathlib
from collections.abc import Callable

from oslo_config import cfg

from masakari_lite import clocks, exceptions
from masakari_lite.health.systemd import Notifier
from masakari_lite.rpc import transport

LOG = logging.getLogger(__name__)

INTERVAL = 5.0
# an engine without a heartbeat for so long is taken for dead
LIMIT = 30.0


class Heartbeat:
    """Sends heartbeats to systemd, and writes them to a file."""

    def __init__(
        self,
        path: pathlib.Path,
        notifier: Notifier,
        check: Callable[[], object],
        describe_outage: Callable[[], str] = lambda: "",
    ) -> None:
        """Send nothing yet.

        :param path: the file whose time of change is that of the last heartbeat
        :param check: raises EngineStuck when there shall be no further heartbeat
        :param describe_outage: returns what the file says: why the engine cannot be asked by RPC
        """
        self._path = path
        self._notifier = notifier
        self._check = check
        self._describe_outage = describe_outage
        self._written = ""
        self._is_stuck = False

    @property
    def interval(self) -> float:
        """Seconds between two heartbeats: two or more for each that the watchdog wants."""
        return min(INTERVAL, (self._notifier.watchdog or 2 * INTERVAL) / 2)

    def beat(self) -> None:
        """Send a heartbeat, unless the engine is stuck."""
        was_stuck, self._is_stuck = self._is_stuck, False
        try:
            self._check()
        except exceptions.EngineStuck as error:
            self._is_stuck = True
            if not was_stuck:
                LOG.error("The heartbeat stops, as the engine is stuck: %s", error)
            return
        self._notifier.beat(LIMIT)
        try:
            outage = self._describe_outage()
            if outage != self._written or not self._path.exists():
                self._path.write_text(outage)
                self._written = outage
            os.utime(self._path, (clocks.steady(),) * 2)
        except OSError as error:
            LOG.debug("%s", error)

    def end(self) -> None:
        """Remove the file."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            LOG.debug("%s", error)


def find_path(conf: cfg.ConfigOpts) -> pathlib.Path:
    """Return the file of the engine of this machine and configuration."""
    name = transport.get_server_name(conf).replace(os.sep, "_")
    return pathlib.Path(conf.state_path, f"masakari-lite-engine.{name}.heartbeat")


def read_outage(path: pathlib.Path) -> str:
    """Return why a living engine cannot be asked by RPC; empty when it can, or does not live."""
    age = find_age(path)
    try:
        return path.read_text() if age is not None and age <= LIMIT else ""
    except OSError:
        return ""


def find_age(path: pathlib.Path) -> float | None:
    """Return the age of the last heartbeat in seconds; None without one since the machine was started."""
    try:
        age = clocks.steady() - path.stat().st_mtime
    except FileNotFoundError:
        return None
    return max(0.0, age) if age > -clocks.LIMIT else None
