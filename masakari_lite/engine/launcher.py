"""Running the service until SIGTERM, through every SIGHUP."""

import contextlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn

from oslo_config import cfg
from oslo_service import service

from masakari_lite import exceptions
from masakari_lite.health.systemd import Notifier

LOG = logging.getLogger(__name__)

_ENDING = (signal.SIGTERM, signal.SIGINT)
_LATE = b"masakari-lite-engine: graceful_shutdown_timeout has passed: ended, the journal has the rest\n"


def run(conf: cfg.ConfigOpts, engine: Any, check_files: Callable[[], None], notifier: Notifier) -> NoReturn:
    """Run the engine, then end the process: with status 0 unless it could not start.

    :param check_files: reads the configuration files into a configuration of its own, and raises when
        they cannot work
    """
    launcher = _Launcher(conf, restart_method="mutate")
    launcher.check_files = check_files
    launcher.notifier = notifier
    launcher.launch_service(engine)
    status = launcher.wait() or 0
    with contextlib.suppress(OSError):
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
    # not by the interpreter's own end: it takes a while, and SIGALRM would kill it then
    os._exit(status)


class _Launcher(service.ServiceLauncher):
    """A launcher that ends and rereads its files as the engine needs it.

    oslo.service's own gives up its signal handlers while it handles a signal: a second SIGHUP ended it then,
    and so did one while it drained; and what it does when the time for that has passed is no status 0.
    """

    check_files: Callable[[], None]
    notifier: Notifier

    def __init__(self, conf: cfg.ConfigOpts, restart_method: str) -> None:
        super().__init__(conf, restart_method=restart_method)
        self._rereading = threading.Lock()
        self._is_ending = False

    def handle_signal(self) -> None:
        """Handle the signals: SIGTERM and SIGINT drain, SIGHUP rereads the files."""
        self.signal_handler.clear()
        self.signal_handler.add_handlers(("SIGTERM", "SIGINT"), self._end)
        self.signal_handler.add_handler("SIGHUP", self._reread)

    def restart(self) -> None:
        """Read the mutable options again (SIGHUP), unless the files have become wrong."""
        try:
            self.check_files()
        except (cfg.Error, OSError, exceptions.MasakariLiteError) as error:
            LOG.error("The configuration was not read again, the old one holds: %s", error)
            return
        super().restart()

    def _reread(self, *_: Any) -> None:
        if self._is_ending:
            return
        with self._rereading, self.notifier.reloading():
            self.restart()

    def _end(self, number: int, _frame: object) -> None:
        """Drain. A second signal ends the process at once, even when no Python code runs any more."""
        for ending in _ENDING:
            signal.signal(ending, signal.SIG_DFL)
        if self._is_ending:  # it came before the first one was handled
            os.kill(os.getpid(), number)
        self._is_ending = True
        if self.conf.graceful_shutdown_timeout:
            signal.signal(signal.SIGALRM, _end_late)
            signal.alarm(self.conf.graceful_shutdown_timeout)
        self.stop()


def _end_late(*_: object) -> None:
    """End with what could not be ended in time; not by logging, whose locks somebody may hold."""
    os.write(2, _LATE)
    os._exit(0)
