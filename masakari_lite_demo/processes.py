"""The demo's other processes: the simulated cloud and the instances' owner.

Each has a session of its own, so that Ctrl-C reaches only the demo, which then stops them in order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from masakari_lite import exceptions
from masakari_lite_demo.user import UserSettings
from masakari_lite_simulator import RemoteSimulator

Pause = Callable[[float], None]

HOSTS = 4
OTHER_INSTANCES = 20
"""Instances on the other hosts."""
SERVICE_DOWN_TIME = 3.0
ACTION_LATENCY = 0.2

_START_LIMIT = 20.0
_STOP_LIMIT = 10.0
_TICK = 0.05


class DemoError(exceptions.MasakariLiteError):
    """Raised when the demo itself failed; shows nothing about the engine."""


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A running simulator."""

    auth_url: str
    control: RemoteSimulator


@contextlib.contextmanager
def running_simulator(
    directory: pathlib.Path, instances: int, latency: float, seed: int, pause: Pause
) -> Iterator[Cloud]:
    """Run the simulator for the length of the block.

    :param instances: the number of instances on compute-1
    :param latency: seconds that an evacuation takes
    """
    settings = {
        "hosts": HOSTS,
        "instances": instances + OTHER_INSTANCES,
        "on-first": instances,
        "evacuation-latency": latency,
        "action-latency": ACTION_LATENCY,
        "service-down-time": SERVICE_DOWN_TIME,
        "seed": seed,
    }
    log = directory / "simulator.log"
    command = [sys.executable, "-m", "masakari_lite_simulator.__main__"]
    command += [f"--{name}={value}" for name, value in settings.items()]
    with log.open("w") as output, _running(command, output, stdin=subprocess.DEVNULL) as process:
        auth_url, control_url = _read_urls(process, log, pause)
        control = RemoteSimulator(control_url)
        try:
            yield Cloud(auth_url, control)
        finally:
            control.close()


def _read_urls(process: subprocess.Popen[bytes], log: pathlib.Path, pause: Pause) -> tuple[str, str]:
    deadline = time.monotonic() + _START_LIMIT
    while time.monotonic() < deadline:
        has_exited = process.poll() is not None
        urls = dict(re.findall(r"^(auth|control) URL +(\S+)$", log.read_text(), re.MULTILINE))
        if len(urls) == 2:
            return urls["auth"], urls["control"]
        if has_exited:
            break
        pause(_TICK)
    raise DemoError(f"The simulator did not start: {log.read_text().strip() or 'no output'}")


class User:
    """The running process of the instances' owner."""

    def __init__(self, process: subprocess.Popen[bytes], record: pathlib.Path) -> None:
        self._process = process
        self._record = record

    def stop(self) -> dict[str, Any]:
        """Stop the process; returns the record of the owner's actions.

        :raises DemoError: when the process failed or did not stop in time
        """
        _close_input(self._process)
        try:
            status = self._process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            status = None
        text = self._record.read_text()
        if status != 0:
            raise DemoError(f"The user's client failed: {text.strip()[-1000:]}")
        record: dict[str, Any] = json.loads(text)
        return record


@contextlib.contextmanager
def running_user(directory: pathlib.Path, user_settings: UserSettings) -> Iterator[User]:
    """Run the owner's process until it is stopped, or the block ends."""
    record = directory / "user.json"
    command = [sys.executable, "-m", "masakari_lite_demo.user"]
    with record.open("w") as output, _running(command, output, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps(dataclasses.asdict(user_settings)).encode() + b"\n")
        process.stdin.flush()
        yield User(process, record)


@contextlib.contextmanager
def _running(command: list[str], output: Any, stdin: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, stdin=stdin, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield process
    finally:
        _close_input(process)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin and not process.stdin.closed:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
