"""The cliff application: global options, logging, and the engine for those commands that need it."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any, TextIO

from cliff.app import App
from cliff.commandmanager import CommandManager
from oslo_config import cfg

from masakari_lite import version
from masakari_lite.printable import PrintableFormatter

if TYPE_CHECKING:
    from masakari_lite.cli.connection import Connection

PROG = "masakari-lite"
NAMESPACE = "masakari_lite.cli"
DESCRIPTION = "Notify the engine of failures, and show what it does about them."
DEFAULT_TIMEOUT = 60.0
HEALTH_TIMEOUT = 10.0


class MasakariLiteApp(App):
    """The operator's tool.

    :param conf: is filled when a command first asks for the engine
    """

    NAME = PROG
    LOG = logging.getLogger(NAMESPACE)

    def __init__(
        self, conf: cfg.ConfigOpts, stdout: TextIO | None = None, stderr: TextIO | None = None
    ) -> None:
        super().__init__(
            DESCRIPTION,
            version.RELEASE,
            CommandManager(NAMESPACE),
            stdout=stdout,
            stderr=stderr,
            # else cliff shows the application's help for a command's --help
            deferred_help=True,
        )
        self._conf = conf
        self._console: logging.Handler | None = None
        self._connection: Connection | None = None
        self._is_loaded = False

    def build_option_parser(
        self, description: str, version: str, argparse_kwargs: dict[str, Any] | None = None
    ) -> argparse.ArgumentParser:
        """Add our own global options to cliff's."""
        names = {"prog": self.NAME} | (argparse_kwargs or {})
        parser: argparse.ArgumentParser = super().build_option_parser(description, version, names)
        for action in parser._actions:
            if isinstance(action, argparse._VersionAction):
                action.version = f"{self.NAME} {version}"
        parser.add_argument(
            "--config-file",
            action="append",
            default=[],
            metavar="PATH",
            help="a configuration file, as the engine's; may be given several times, later ones override "
            "(masakari.conf in ~/.masakari, ~, /etc/masakari or /etc when none is given)",
        )
        parser.add_argument(
            "--config-dir",
            action="append",
            default=[],
            metavar="DIR",
            help="a directory of *.conf files, read after the configuration files",
        )
        parser.add_argument(
            "--timeout",
            type=positive_seconds,
            metavar="SECONDS",
            help="how long the engine may take to answer "
            f"({DEFAULT_TIMEOUT:g}; {HEALTH_TIMEOUT:g} for health)",
        )
        return parser

    def configure_logging(self) -> None:
        """Let only our own warnings on the terminal; -v brings everything."""
        super().configure_logging()
        root = logging.getLogger()
        console = root.handlers[-1]
        if self.options.verbose_level <= self.DEFAULT_VERBOSE_LEVEL:
            console.setLevel(logging.WARNING)
            if not self.options.debug:
                console.addFilter(logging.Filter(NAMESPACE))
        for handler in root.handlers[-2 if self.options.log_file else -1 :]:
            handler.setFormatter(PrintableFormatter(handler.formatter))
        if not self.options.log_file:
            root.setLevel(console.level)
        self._console = console

    def run(self, argv: list[str]) -> int:
        """Run one command; without one, show what there is."""
        root = logging.getLogger()
        level = root.level
        try:
            return int(super().run(argv or ["--help"]))
        finally:
            root.setLevel(level)
            if self._console:
                root.removeHandler(self._console)

    def load(self) -> cfg.ConfigOpts:
        """Read the configuration.

        :raises CommandError: when it can't be used
        """
        if not self._is_loaded:
            # what it imports takes longer than many commands
            from masakari_lite.cli import connection

            connection.load(self._conf, self.options.config_file, self.options.config_dir)
            self._is_loaded = True
        return self._conf

    def connect(self, timeout: float = DEFAULT_TIMEOUT) -> Connection:
        """Reach for the engine, as the configuration says; a second call gives the same connection.

        :param timeout: seconds until an answer is given up, unless ``--timeout`` says so
        :raises CommandError: when the configuration can't be used or the broker can't be reached
        """
        if self._connection is None:
            from masakari_lite.cli import connection

            self._connection = connection.Connection(self.load(), self.options.timeout or timeout)
        return self._connection


def positive_seconds(text: str) -> float:
    """Read a number of seconds greater than 0, for argparse."""
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be greater than 0")
    return seconds
