"""Running the service until SIGTERM, through every SIGHUP."""

import logging
from collections.abc import Callable
from typing import Any

from oslo_config import cfg
from oslo_service import service

from masakari_lite import exceptions

LOG = logging.getLogger(__name__)


def run(conf: cfg.ConfigOpts, engine: Any, check_files: Callable[[], None]) -> int:
    """Run the engine.

    :param check_files: reads the configuration files into a configuration of its own, and raises when
        they cannot work
    :returns: the exit status
    """
    launcher = _Launcher(conf, restart_method="mutate")
    launcher.check_files = check_files
    launcher.launch_service(engine)
    return launcher.wait() or 0


class _Launcher(service.ServiceLauncher):
    """A launcher that a slip in a configuration file does not end in mid-recovery."""

    check_files: Callable[[], None]

    def restart(self) -> None:
        """Read the mutable options again (SIGHUP), unless the files have become wrong."""
        try:
            self.check_files()
        except (cfg.Error, OSError, exceptions.MasakariLiteError) as error:
            LOG.error("The configuration was not read again, the old one holds: %s", error)
            return
        super().restart()
