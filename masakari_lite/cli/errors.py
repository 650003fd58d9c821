"""The errors that end a command with one line and exit status 1."""

from masakari_lite import exceptions


class CommandError(exceptions.MasakariLiteError):
    """Raised when a command can't do what it was asked; the message is for the operator."""


class NoAnswer(CommandError):
    """Raised when no engine answered in time; one may later."""
