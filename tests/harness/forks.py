"""Engines in processes of their own, quickly: forks of a zygote (see zygote.py)."""

import contextlib
import itertools
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import eventlet
from eventlet import event

_ZYGOTE = pathlib.Path(__file__).with_name("zygote.py")
_PATIENCE = 60  # seconds: the machine may be busy
_LOOK_INTERVAL = 0.01


class EngineProcess:
    """A process that was forked; it runs, or has ended with a status (negative: by that signal)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its zygote has buried it, and told so."""
        return self.status is not None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; one that has just ended is no error."""
        if not self.has_ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once, as a power failure does."""
        self.send(signal.SIGKILL)
        self.wait(_PATIENCE)

    def wait(self, limit: float) -> bool:
        """Wait until it has ended; tells whether it has."""
        deadline = time.monotonic() + limit
        while not self.has_ended and time.monotonic() < deadline:
            time.sleep(_LOOK_INTERVAL)
        return self.has_ended

    @property
    def is_frozen(self) -> bool:
        """Whether the kernel shows it as stopped."""
        try:
            stat = pathlib.Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"


class Zygote:
    """The process that forks engines; a context manager that ends it and them."""

    def __init__(self) -> None:
        """Start it."""
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_ZYGOTE), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; it ends when we close the socket
                env=os.environ | {"PYTHONPATH": str(_ZYGOTE.parents[2])},
            )
        self._numbers = itertools.count()
        self._awaited: dict[int, Any] = {}
        self._running: dict[int, EngineProcess] = {}
        self._reader = eventlet.spawn(self._read)

    def __enter__(self) -> "Zygote":
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.shutdown(socket.SHUT_WR)
        try:
            self._process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.wait()
        self._socket.close()

    def start(self, log: pathlib.Path, *arguments: str, **order: Any) -> EngineProcess:
        """Fork an engine.

        :param log: the file to which its output is appended
        :param order: ``mistake``, ``trap`` and ``count``, for what is put into it (see inside/)
        """
        number = next(self._numbers)
        self._awaited[number] = event.Event()
        order |= {"number": number, "log": str(log), "arguments": arguments}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        with eventlet.Timeout(_PATIENCE, TimeoutError("the zygote does not answer")):
            engine: EngineProcess = self._awaited[number].wait()
        return engine

    def _read(self) -> None:
        with self._socket.makefile("r") as lines:
            for line in lines:
                self._note(json.loads(line))
        for engine in self._running.values():
            engine.status = -signal.SIGKILL  # with its zygote

    def _note(self, message: dict[str, int]) -> None:
        if "started" in message:
            engine = self._running[message["started"]] = EngineProcess(message["started"])
            self._awaited.pop(message["order"]).send(engine)
        else:
            self._running.pop(message["ended"]).status = message["status"]
