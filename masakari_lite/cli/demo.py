"""masakari-lite demo."""

from __future__ import annotations

import argparse
import os
import sys

from cliff.command import Command

from masakari_lite.demo import arguments


class Demo(Command):
    """See the engine bring the instances of a failed host back, on a simulated cloud.

    Needs no broker, no database server and no cloud. The exit status is 0 when all that must be true is.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the demo's own options."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        arguments.add_arguments(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        """Become the demo: it has to monkey-patch before anything else is imported."""
        command = [sys.executable, "-m", "masakari_lite.cmd.demo", *arguments.to_argv(parsed_args)]
        sys.stdout.flush()
        sys.stderr.flush()
        # in place of this process, so that signals and the exit status need nobody to pass them on
        os.execv(sys.executable, command)
