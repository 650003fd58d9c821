"""Text that others wrote, made harmless for a terminal, a table or a log.

Names, metadata, the reasons of locks and the messages of faults may hold anything: newlines that look like
further lines of a log, escape sequences that a terminal obeys, characters that turn the writing around, or
that nobody sees. The journal and RPC have them as they are; they are escaped where people read them.
"""

import copy
import logging
import re
from typing import Any

# what sets the colours of a log (oslo.log's log_color); it does no harm
_COLOURS = re.compile(r"(\x1b\[[0-9;]*m)")


# not control characters, yet nobody sees them: two names that differ would look the same
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def escape(text: str, keep: str = "") -> str:
    r"""Write every character that cannot be seen as Python does: ``\n``, ``\x1b``, ``\u202e``.

    :param keep: characters that stay as they are
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char in keep or _is_visible(char) else _spell(char) for char in text)


def _is_visible(char: str) -> bool:
    return char.isprintable() and not _UNSEEN.match(char)


def _spell(char: str) -> str:
    return char.encode("unicode_escape").decode()


def escape_all(value: Any) -> Any:
    """Escape every text in a value made of dicts, lists and tuples."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return {escape_all(name): escape_all(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(escape_all(inner) for inner in value)
    return value


class PrintableFormatter(logging.Formatter):
    """Formats as another formatter does; a message takes one line, and what is printed is printable."""

    def __init__(self, inner: logging.Formatter | None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter()

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; the lines of a traceback stay lines."""
        record = copy.copy(record)
        record.msg, record.args = escape(record.getMessage()), None
        parts = _COLOURS.split(self._inner.format(record))
        # each second one is a colour
        return "".join(part if number % 2 else escape(part, keep="\n\t") for number, part in enumerate(parts))
