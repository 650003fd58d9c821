"""Live progress: a bar and the instances on their way on a terminal, plain lines elsewhere."""

from __future__ import annotations

import abc
import sys

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from masakari_lite.cli import following
from masakari_lite.models import JsonDict, VMoveStatus

_COLOURS = {"succeeded": "green", "failed": "red", "ignored": "yellow"}


class Display(abc.ABC):
    """Where the demo tells what happens.

    :ivar console: for what is told when the display is closed
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._last_note = ""

    def say(self, text: str) -> None:
        """Tell what the demo does next."""
        self.console.print(escape(text), soft_wrap=True)

    def show(self, picture: following.Picture) -> None:
        """Tell how far the recovery is."""
        note = _find_last_note(picture.notification)
        if note and note != self._last_note:
            self._last_note = note
            self.say(f"Engine: {note}")
        self._show_moves(picture)

    @abc.abstractmethod
    def close(self) -> None:
        """Leave the terminal as it was."""

    @abc.abstractmethod
    def _show_moves(self, picture: following.Picture) -> None:
        """Show the moves that changed."""

    def _show_ended(self, picture: following.Picture) -> None:
        for vmove in picture.changed:
            if VMoveStatus(vmove["status"]).is_final:
                colour = _COLOURS[vmove["status"]]
                line = f"  {_name(vmove)}  [{colour}]{escape(following.describe(vmove))}[/{colour}]"
                self.console.print(line, soft_wrap=True)


class PlainDisplay(Display):
    """Lines: one as an instance begins to move, one as it has ended."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._begun: set[str] = set()

    def close(self) -> None:
        pass

    def _show_moves(self, picture: following.Picture) -> None:
        for vmove in picture.changed:
            uuid, status = vmove["instance_uuid"], VMoveStatus(vmove["status"])
            if status is VMoveStatus.PENDING or (uuid in self._begun and not status.is_final):
                continue
            self._begun.add(uuid)
            count = f"[{picture.ended}/{len(picture.vmoves)}]"
            line = f"{count} {_name(vmove)} {following.describe(vmove)}"
            self.console.print(escape(line), soft_wrap=True)


class TerminalDisplay(Display):
    """A bar with the instances that are on their way below it; those that have ended scroll away above."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            auto_refresh=False,
        )
        self._bar = self._progress.add_task("Recovering", total=None)
        self._live = Live(console=console, auto_refresh=False, transient=False)
        self._is_live = False

    def close(self) -> None:
        self._live.stop()

    def _show_moves(self, picture: following.Picture) -> None:
        if not self._is_live and not picture.is_final:
            self._is_live = True
            self._live.start()
        self._show_ended(picture)
        self._progress.update(self._bar, completed=picture.ended, total=len(picture.vmoves) or None)
        moving = [vmove for vmove in picture.vmoves if vmove["status"] == "ongoing"]
        room = max(1, self.console.size.height - 4)
        lines = [f"  {_name(vmove)}  {following.describe(vmove)}" for vmove in moving[:room]]
        if len(moving) > room:
            lines[-1] = f"  and {len(moving) - room + 1} more"
        rows = [Text(line, style="cyan", no_wrap=True) for line in lines]
        self._live.update(Group(self._progress, *rows), refresh=True)
        if picture.is_final:
            self._live.stop()


def build_display(is_json: bool) -> Display:
    """Choose how to show the progress, by where it goes.

    :param is_json: whether stdout is for the summary alone
    """
    console = Console(file=sys.stderr if is_json else sys.stdout, highlight=False)
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay(console)


def _name(vmove: JsonDict) -> str:
    return f"{vmove['instance_name']} {vmove['instance_uuid']}"


def _find_last_note(notification: JsonDict) -> str:
    """Return what the engine said last that is not about one instance."""
    tasks = [task for task in notification["progress"] if task["name"] != "EvacuateInstancesTask"]
    notes = [note["message"] for task in tasks for note in task["progress_details"]]
    return notes[-1] if notes else ""
