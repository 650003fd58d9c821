"""A program: where it is, on which port it may listen, and its processes."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
from collections.abc import Sequence
from signal import SIGKILL, Signals

import pytest

from masakari_lite import polling

_ROOT = pathlib.Path(__file__).parents[2]


def find_free_port() -> int:
    """Find a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def require(program: str, package: str, *places: str) -> str:
    """Find a program, or skip the test and tell which package has it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", *places])
    found = shutil.which(program, path=path)
    if not found:
        pytest.skip(f"{program} is not installed: apt-get install {package}")
    return found


class Program:
    """A process with everything that it starts, in a process group of its own; it may be started again."""

    def __init__(self, log: pathlib.Path, arguments: Sequence[str] = (), **environment: str) -> None:
        """Prepare it.

        :param log: what it writes is appended to this file
        :param arguments: the command
        :param environment: variables, beside those of this process
        """
        self._log = log
        self._arguments = arguments
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def output(self) -> str:
        """What it wrote to standard output and error, each time that it was started."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def start(self) -> None:
        """Start it in the foreground."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=os.environ | self._environment,
                cwd=_ROOT,
                start_new_session=True,
            )

    def signal(self, number: Signals) -> None:
        """Send a signal to it and to all that it has started; one that has ended is no error."""
        if self._process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)

    def wait(self, limit: float = 30) -> int:
        """Wait until it has ended; return its exit status (negative: by that signal).

        :raises WaitTimeout: after so many seconds
        """
        process = self._process
        assert process
        polling.wait_until(lambda: process.poll() is not None, 0.01, limit, f"end of {self._arguments[0]}")
        return process.returncode

    def kill(self) -> None:
        """End it as a power failure does."""
        self.end(SIGKILL)

    def end(self, number: Signals) -> None:
        """Send a signal to it, if it runs, and wait until it has ended."""
        if self.is_running:
            self.signal(number)
            self.wait(60)

    def until_it_says(self, text: str, count: int = 1, limit: float = 20) -> None:
        """Wait until a text is in its log so many times."""
        polling.wait_until(lambda: self.output.count(text) >= count, 0.02, limit, f"{text!r} in the log")

    def read_cpu(self) -> float:
        """Return the seconds of processor time that the process has used."""
        assert self._process
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def read_memory(self, name: str = "VmRSS") -> float:
        """Return the memory of the process in MiB.

        :param name: ``VmRSS``, what it has now, or ``VmHWM``, the most that it had
        """
        assert self._process
        status = pathlib.Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition(f"{name}:")[2].split()[0]) / 1024

    def find_processes(self) -> list[int]:
        """Find it and all that it has started, those included that have left its process group."""
        found = [self._process.pid] if self._process else []
        parents = {int(path.name): _find_parent(path) for path in pathlib.Path("/proc").glob("[0-9]*")}
        for pid in found:  # which grows
            found += [child for child, parent in parents.items() if parent == pid]
        return found


def _find_parent(process: pathlib.Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # has ended
        return 0


def send(processes: list[int], number: Signals) -> None:
    """Send a signal to processes; one that has ended is no error."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
