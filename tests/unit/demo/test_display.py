"""What is shown while a recovery runs."""

import io
from typing import Any

import pytest
from rich.console import Console

from masakari_lite.cli.following import Snapshot
from masakari_lite_demo.display import Display, PlainDisplay, TerminalDisplay

NOTE = {"message": "the compute service of compute-1 is down", "progress": 1.0}
TASKS = [
    {"name": "DisableComputeServiceTask", "progress_details": [NOTE]},
    {"name": "EvacuateInstancesTask", "progress_details": [{"message": "per instance"}]},
]


def build_vmove(number: int, status: str, step: str = "evacuate", message: str = "") -> dict[str, Any]:
    name = f"guest-{number}"
    return {
        "instance_uuid": f"uuid-{number}",
        "instance_name": name,
        "status": status,
        "step": step,
        "message": message,
    }


def show_all(display: Display) -> None:
    running = {"status": "running", "progress": TASKS}
    waiting, moving = build_vmove(1, "pending", "planned"), build_vmove(2, "ongoing")
    display.show(Snapshot(running, [waiting, moving], [waiting, moving]))
    unlocking = build_vmove(2, "ongoing", "unlock")
    display.show(Snapshot(running, [waiting, unlocking], [unlocking]))
    ended = [
        build_vmove(1, "failed", "done", "no [host]"),
        build_vmove(2, "succeeded", "done", "to compute-2"),
    ]
    display.show(Snapshot({"status": "error", "progress": TASKS}, ended, ended))
    display.close()


def test_plain_lines() -> None:
    out = io.StringIO()
    show_all(PlainDisplay(Console(file=out, highlight=False)))
    assert out.getvalue().splitlines() == [
        "Engine: the compute service of compute-1 is down",
        "[0/2] guest-2 uuid-2 is on its way",
        "[2/2] guest-1 uuid-1 failed, no [host]",
        "[2/2] guest-2 uuid-2 succeeded, to compute-2",
    ]


@pytest.mark.parametrize("height", [30, 5])
def test_terminal(height: int) -> None:
    out = io.StringIO()
    console = Console(file=out, highlight=False, force_terminal=True, width=100, height=height)
    show_all(TerminalDisplay(console))
    for text in ("0/2", "2/2", "guest-2 uuid-2  is being unlocked", "no [host]", "to compute-2"):
        assert text in out.getvalue()


UNPRINTABLE = "[red]guest[/red] :smile: \x1b[2J\n\u202e"
SHOWN = "[red]guest[/red] :smile: \\x1b[2J\\n\\u202e"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_what_tenants_wrote_is_escaped(is_terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, highlight=False, force_terminal=is_terminal, width=120, color_system=None)
    display = TerminalDisplay(console) if is_terminal else PlainDisplay(console)
    moving = build_vmove(1, "ongoing") | {"instance_name": UNPRINTABLE}
    ended = build_vmove(1, "failed", "done", UNPRINTABLE) | {"instance_name": UNPRINTABLE}
    display.show(Snapshot({"status": "running", "progress": TASKS}, [moving], [moving]))
    display.show(Snapshot({"status": "failed", "progress": TASKS}, [ended], [ended]))
    display.print(UNPRINTABLE)
    display.close()
    written = out.getvalue()
    assert written.count(SHOWN) >= 4
    assert "\x1b[2J\\n" not in written
    assert "\u202e" not in written
