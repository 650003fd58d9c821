"""The whole demo, started as a user starts it."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

QUICK = ("--instances", "6", "--latency", "0.3", "--threads", "6")
COMMAND = [sys.executable, "-m", "masakari_lite.cmd.cli", "demo"]

# An engine that forgets the lock, or that evacuates twice.
BREAKAGES = {
    "no lock": "Servers.lock = lambda self, *arguments: None",
    "no unlock": "Servers.unlock = lambda self, *arguments: None",
    "evacuates twice": "once = Servers.evacuate; Servers.evacuate = lambda *a: (once(*a), once(*a))[0]",
}


def run(directory: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TMPDIR": str(directory)}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def test_everything_holds(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path, *QUICK, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = json.loads(result.stdout)
    assert summary["ok"]
    assert all(check["holds"] for check in summary["checks"])
    not_recovered = summary["deleted_by_owner"] + summary["left_behind"]
    assert (
        summary["instances"] - not_recovered == summary["recovered"] == sum(summary["destinations"].values())
    )
    assert summary["notification"]["status"] == "finished"
    assert summary["user_actions"]["refused_locked_by_us"] > 0
    assert summary["user_actions"]["passed_while_locked"] == 0
    assert "evacuated to compute-" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_failures_are_reported_as_such(tmp_path: pathlib.Path) -> None:
    result = run(tmp_path, *QUICK, "--json", "--fail", "0.5", "--keep")
    assert result.returncode == 0, result.stdout + result.stderr
    summary = json.loads(result.stdout)
    assert (summary["no_valid_host"], summary["notification"]["status"]) == (3, "error")
    (kept,) = tmp_path.iterdir()
    assert f"Kept: {kept}" in result.stderr
    names = {path.name for path in kept.iterdir()}
    assert names >= {"masakari.conf", "masakari.sqlite", "engine.log"}


@pytest.mark.parametrize(
    ("breakage", "broken"),
    [
        ("no lock", "no user action passed during an evacuation"),
        ("no unlock", "no lock of the engine is left"),
        ("evacuates twice", "each instance was evacuated exactly once"),
    ],
)
def test_a_broken_engine_is_detected(tmp_path: pathlib.Path, breakage: str, broken: str) -> None:
    code = (
        "import sys; from masakari_lite_demo import __main__ as demo; "
        "from masakari_lite.compute.servers import Servers; "
        f"{BREAKAGES[breakage]}; sys.exit(demo.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, *QUICK, "--latency", "1", "--json"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert result.returncode == 1, result.stderr
    found = {check["name"] for check in json.loads(result.stdout)["checks"] if not check["holds"]}
    assert broken in found


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--threads", "0", "0 is not from 1 to 1000"),
        ("--instances", "many", "'many' is not a whole number"),
        ("--latency", "nan", "nan is not from 0 to 60"),
        ("--fail", "1.5", "1.5 is not from 0 to 1"),
    ],
)
def test_bad_values_are_refused_by_name(tmp_path: pathlib.Path, option: str, value: str, reason: str) -> None:
    result = run(tmp_path, option, value)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"argument {option}: {reason}" in result.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path: pathlib.Path, number: int) -> None:
    command = [*COMMAND, *QUICK, "--latency", "2"]
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "compute-1 fails" in line:
                break
        (directory,) = tmp_path.iterdir()
        demo.send_signal(number)
        rest = demo.stdout.read()
        assert demo.wait(30) == 128 + number
    assert "Stopped early" in rest
    assert list(tmp_path.iterdir()) == []
    # its processes have files in that directory open, wherever they are
    assert not _has_users(directory)


def _has_users(directory: pathlib.Path, limit: float = 5) -> bool:
    deadline = time.monotonic() + limit
    while _list_users(directory):
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)
    return False


def _list_users(directory: pathlib.Path) -> list[str]:
    users = []
    for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(link)
        except OSError:
            continue
        if target.startswith(str(directory)):
            users.append(f"{link}: {target}")
    return users
