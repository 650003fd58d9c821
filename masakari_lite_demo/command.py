"""The command masakari-lite demo."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from cliff.command import Command

from masakari_lite.cli.errors import CommandError
from masakari_lite_demo import arguments

# what the extra [demo] installs
_REQUIRED = "rich"


class Demo(Command):
    """Show how the engine recovers the instances of a failed host, on a simulated cloud.

    Needs no broker, no database server and no cloud. The exit status is 0 when all checks hold.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Add the demo's own options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        arguments.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Replace this process by the demo's: it has to monkey-patch before anything else is imported.

        :raises CommandError: when the packages of the extra [demo] are not installed
        """
        if importlib.util.find_spec(_REQUIRED) is None:
            raise CommandError(
                f"The demo needs the Python package {_REQUIRED}. "
                "Install it with: pip install 'masakari-lite[demo]'"
            )
        command = [sys.executable, "-m", "masakari_lite_demo.__main__", *arguments.to_argv(parsed_args)]
        sys.stdout.flush()
        sys.stderr.flush()
        # in place of this process, so that signals and the exit status need not be passed on
        os.execv(sys.executable, command)
