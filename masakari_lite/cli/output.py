"""What a command shows: for people escaped, for programs as it is."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any

from cliff.columns import FormattableColumn

from masakari_lite import printable

# these write every character so that a program reads the same
_EXACT = ("json", "yaml", "csv")
_SPECIAL_IN_SHELL = str.maketrans({char: f"\\{char}" for char in "\\$`"})


class PrintableOutput:
    """Mixed into cliff's commands: escapes what is not printable, before it is formatted for people."""

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        """Format and write the data."""
        if parsed_args.formatter == "shell":
            data = [_quote(value) for value in data]
        elif parsed_args.formatter not in _EXACT:
            data = [_escape(value) for value in data]
        return int(super().produce_output(parsed_args, column_names, data))  # type: ignore[misc]


def _escape(value: Any) -> Any:
    if isinstance(value, FormattableColumn):
        return type(value)(printable.escape_all(value.machine_readable()))
    if isinstance(value, list | tuple):  # a row of a list
        return type(value)(_escape(inner) for inner in value)
    return printable.escape_all(value)


def _quote(value: Any) -> Any:
    """Escape what a shell would expand between double quotes; cliff escapes only these."""
    if isinstance(value, FormattableColumn):
        value = str(value.machine_readable())
    return printable.escape(value).translate(_SPECIAL_IN_SHELL) if isinstance(value, str) else value
