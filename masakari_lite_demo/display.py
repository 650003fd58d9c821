"""Live progress: a bar and the running evacuations on a terminal, plain lines elsewhere."""

from __future__ import annotations

import abc
import dataclasses
import sys

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from masakari_lite import printable
from masakari_lite.cli import following
from masakari_lite.models import JsonDict, VMoveStatus

_COLOURS = {"succeeded": "green", "failed": "red", "ignored": "yellow"}


class Display(abc.ABC):
    """Shows the progress of the demo.

    :ivar console: for output after the display is closed
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._last_note = ""

    def print(self, text: str) -> None:
        """Print a line about the next step of the demo."""
        self.console.print(Text(printable.escape(text)), soft_wrap=True)

    def show(self, snapshot: following.Snapshot) -> None:
        """Show the progress of the recovery."""
        fields = ("notification", "vmoves", "changed")
        snapshot = dataclasses.replace(
            snapshot, **{name: printable.escape_all(getattr(snapshot, name)) for name in fields}
        )
        note = _find_last_note(snapshot.notification)
        if note and note != self._last_note:
            self._last_note = note
            self.print(f"Engine: {note}")
        self._show_vmoves(snapshot)

    @abc.abstractmethod
    def close(self) -> None:
        """Restore the terminal."""

    @abc.abstractmethod
    def _show_vmoves(self, snapshot: following.Snapshot) -> None:
        """Show the vmoves that have changed."""

    def _print_finished(self, snapshot: following.Snapshot) -> None:
        for vmove in snapshot.changed:
            if VMoveStatus(vmove["status"]).is_final:
                colour = _COLOURS[vmove["status"]]
                # a Text, as the console reads [...] and :...: in a str as colours and emoji
                line = Text.assemble("  ", _name(vmove), "  ", (following.describe(vmove), colour))
                self.console.print(line, soft_wrap=True)


class PlainDisplay(Display):
    """Prints a line when the evacuation of an instance begins, and one when it is finished."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._begun: set[str] = set()

    def close(self) -> None:
        pass

    def _show_vmoves(self, snapshot: following.Snapshot) -> None:
        for vmove in snapshot.changed:
            uuid, status = vmove["instance_uuid"], VMoveStatus(vmove["status"])
            if status is VMoveStatus.PENDING or (uuid in self._begun and not status.is_final):
                continue
            self._begun.add(uuid)
            count = f"[{snapshot.ended}/{len(snapshot.vmoves)}]"
            self.console.print(Text(f"{count} {_name(vmove)} {following.describe(vmove)}"), soft_wrap=True)


class TerminalDisplay(Display):
    """Shows a bar with the running evacuations below it; the finished ones are printed above."""

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

    def _show_vmoves(self, snapshot: following.Snapshot) -> None:
        if not self._is_live and not snapshot.is_final:
            self._is_live = True
            self._live.start()
        self._print_finished(snapshot)
        self._progress.update(self._bar, completed=snapshot.ended, total=len(snapshot.vmoves) or None)
        running = [vmove for vmove in snapshot.vmoves if vmove["status"] == "ongoing"]
        limit = max(1, self.console.size.height - 4)
        lines = [f"  {_name(vmove)}  {following.describe(vmove)}" for vmove in running[:limit]]
        if len(running) > limit:
            lines[-1] = f"  and {len(running) - limit + 1} more"
        rows = [Text(line, style="cyan", no_wrap=True) for line in lines]
        self._live.update(Group(self._progress, *rows), refresh=True)
        if snapshot.is_final:
            self._live.stop()


def build_display(is_json: bool) -> Display:
    """Return the display for a terminal or for other output.

    :param is_json: whether stdout is reserved for the summary
    """
    console = Console(file=sys.stderr if is_json else sys.stdout, highlight=False)
    return TerminalDisplay(console) if console.is_terminal else PlainDisplay(console)


def _name(vmove: JsonDict) -> str:
    return f"{vmove['instance_name']} {vmove['instance_uuid']}"


def _find_last_note(notification: JsonDict) -> str:
    """Return the engine's last progress message that is not about one instance."""
    tasks = [task for task in notification["progress"] if task["name"] != "EvacuateInstancesTask"]
    notes = [note["message"] for task in tasks for note in task["progress_details"]]
    return notes[-1] if notes else ""
