"""masakari-lite vmove list."""

from __future__ import annotations

import argparse
from typing import Any

from cliff.lister import Lister

from masakari_lite.cli import columns
from masakari_lite.cli.output import PrintableOutput

_LISTED = (
    "instance_uuid",
    "instance_name",
    "source_host",
    "dest_host",
    "status",
    "step",
    "vm_state",
    "locked",
    "attempts",
    "start_time",
    "end_time",
    "retry_at",
    "reason",
    "message",
)


class ListVMoves(PrintableOutput, Lister):
    """List the vmoves of a notification: where from, where to, how far, and why not."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take the notification's uuid."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        parser.add_argument("notification_uuid", metavar="NOTIFICATION_UUID", help="of the notification")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        """Ask for the list."""
        found = self.app.connect().list_vmoves(parsed_args.notification_uuid)
        return _LISTED, [columns.pick(record, _LISTED) for record in found]
