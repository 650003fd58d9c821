"""Engines in processes of their own, quickly: forks of a zygote (see zygote.py)."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
from typing import Any

import eventlet
from eventlet import event

_ZYGOTE = pathlib.Path(__file__).with_name("zygote.py")
_PATIENCE = 60  # seconds: the machine may be busy


class EngineProcess:
    """A process that was forked; it runs, or has ended with a status (negative: by that signal)."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None

    @property
    def has_ended(self) -> bool:
        """Whether its zygote has buried it, and told so."""
        return self.status is not None

    def kill(self) -> None:
        """End it at once; one that has just ended is no error."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)


class Zygote:
    """The process that forks engines, one after the other; a context manager that ends it and them."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(_ZYGOTE), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is for us; it ends when we close the socket
            )
        self._started: Any = event.Event()
        self._engine: EngineProcess | None = None
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

    def start(
        self, log: pathlib.Path, arguments: list[str], kill: dict[str, Any] | None, sabotage: str | None
    ) -> EngineProcess:
        """Fork an engine."""
        self._started = event.Event()
        order = {"log": str(log), "arguments": arguments, "kill": kill, "sabotage": sabotage}
        self._socket.sendall(json.dumps(order).encode() + b"\n")
        with eventlet.Timeout(_PATIENCE, TimeoutError("the zygote does not answer")):
            engine: EngineProcess = self._started.wait()
        return engine

    def _read(self) -> None:
        with self._socket.makefile("r") as lines:
            for line in lines:
                self._note(json.loads(line))
        if self._engine and not self._engine.has_ended:
            self._engine.status = -signal.SIGKILL  # with its zygote

    def _note(self, message: dict[str, int]) -> None:
        if "started" in message:
            self._engine = EngineProcess(message["started"])
            self._started.send(self._engine)
        elif self._engine and self._engine.pid == message.get("ended"):
            self._engine.status = message["status"]
