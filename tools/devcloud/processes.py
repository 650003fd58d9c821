"""Daemons: started detached, found again by their pid files, and ended without an orphan."""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tools.devcloud.errors import CommandError, GaveUpError

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


@dataclasses.dataclass(frozen=True)
class Daemon:
    """A program that runs until it is told to end.

    :ivar files: its configuration; when one has changed, the next ``start`` replaces the process
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Sequence[pathlib.Path] = ()

    def fingerprint(self) -> str:
        """Return what tells this daemon from the same one with another configuration."""
        words = json.dumps([list(self.argv), sorted(self.environment.items())])
        digest = hashlib.sha256(words.encode())
        for path in self.files:
            digest.update(path.read_bytes())
        return digest.hexdigest()


class Supervisor:
    """Starts and ends daemons; what runs is known from one file a daemon in ``run``."""

    def __init__(self, run: pathlib.Path, log: pathlib.Path) -> None:
        self._run = run
        self._log = log

    def names(self) -> list[str]:
        """Return the daemons that were started and not ended, though one may have died since."""
        return sorted(path.stem for path in self._run.glob("*.json"))

    def is_running(self, name: str) -> bool:
        """Tell whether the very process that was started under that name still runs."""
        record = self._record(name)
        return record is not None and _start_time(record["pid"]) == record["started"]

    def pid(self, name: str) -> int | None:
        """Return the daemon's process id while it runs."""
        record = self._record(name)
        return int(record["pid"]) if record and self.is_running(name) else None

    def start(self, daemon: Daemon) -> bool:
        """Start a daemon, in a session of its own; one that runs with the same configuration is left alone.

        :returns: whether it was started
        """
        fingerprint = daemon.fingerprint()
        if self.is_running(daemon.name):
            record = self._record(daemon.name)
            if record is not None and record["fingerprint"] == fingerprint:
                return False
        self.stop([daemon.name])  # what a dead one has left behind, too
        pid = self._spawn(daemon)
        record = {"pid": pid, "started": _start_time(pid), "fingerprint": fingerprint}
        self._path(daemon.name).write_text(json.dumps(record))
        return True

    def stop(self, names: Iterable[str], grace: float = 5.0) -> None:
        """End daemons at the same time, with all their children.

        :param grace: seconds that they have after SIGTERM, before SIGKILL
        """
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda name: self._end(name, grace), names))

    def kill(self, name: str) -> bool:
        """End a daemon and its children by SIGKILL; tells whether it was running."""
        was_running = self.is_running(name)
        self._end(name, grace=0)
        return was_running

    def wait_for(self, condition: Callable[[], bool], what: str, *, daemon: str = "", limit: float) -> None:
        """Wait until a condition holds.

        :param daemon: without which the condition can't come true
        :raises GaveUpError: after ``limit`` seconds, or as soon as the daemon has died
        """
        until = time.monotonic() + limit
        while not condition():
            if daemon and not self.is_running(daemon):
                raise GaveUpError(f"{daemon} died: see {self._log / daemon}.out and .log")
            if time.monotonic() > until:
                raise GaveUpError(f"waited {limit:.0f} s in vain for {what}: see the logs in {self._log}")
            time.sleep(0.2)

    def _spawn(self, daemon: Daemon) -> int:
        output = str(self._log / f"{daemon.name}.out")
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        return os.posix_spawnp(
            daemon.argv[0],
            list(daemon.argv),
            environment(daemon.environment),
            file_actions=actions,
            setsid=True,
        )

    def _end(self, name: str, grace: float) -> None:
        record = self._record(name)
        if record is None:
            return
        killing_from = time.monotonic() + grace
        number = signal.SIGTERM
        while members := _members(record):
            if time.monotonic() >= killing_from:
                number = signal.SIGKILL
            _send(members, number)
            _wait_until_gone(record, seconds=max(0.5, killing_from - time.monotonic()))
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> pathlib.Path:
        return self._run / f"{name}.json"

    def _record(self, name: str) -> dict[str, Any] | None:
        try:
            record: dict[str, Any] = json.loads(self._path(name).read_text())
        except FileNotFoundError:
            return None
        return record


def environment(additional: Mapping[str, str]) -> dict[str, str]:
    """Return the variables for a program of the cloud: none of OS_*, proxies and the like leak in."""
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    # Debian has the servers' programs where a normal user does not look
    inherited["PATH"] = f"{inherited.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    return inherited | dict(additional)


def run(argv: Sequence[str], log: pathlib.Path, variables: Mapping[str, str] | None = None) -> None:
    """Run a command to its end, its output appended to a log file.

    :param variables: environment; a bare one when not given
    :raises CommandError: with the last lines of the output
    """
    with log.open("a") as output:
        done = subprocess.run(
            list(argv), stdout=output, stderr=subprocess.STDOUT, env=variables or environment({}), check=False
        )
    if done.returncode:
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-15:])
        raise CommandError(f"{' '.join(argv[:6])} ... ended with {done.returncode}; see {log}:\n  {tail}")


def _stat(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty when there is no such process."""
    with contextlib.suppress(OSError):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _start_time(pid: int) -> str:
    """Return what tells a process from a later one with the same id; empty when it has ended."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # it is a zombie for as long as the program that started it does not ask
    fields = _stat(pid)
    return fields[19] if fields and fields[0] != "Z" else ""


def _members(record: Mapping[str, Any]) -> list[int]:
    """Return the processes of a daemon's session, those included that outlived its leader.

    The kernel gives a session's id to no new process while one of its members lives.
    """
    if _start_time(record["pid"]) not in ("", record["started"]):
        return []
    session = str(record["pid"])
    pids = [int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()]
    stats = {pid: _stat(pid) for pid in pids}
    return [pid for pid, fields in stats.items() if fields and fields[3] == session and fields[0] != "Z"]


def _send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)  # one that a test has stopped would sleep over its SIGTERM


def _wait_until_gone(record: Mapping[str, Any], seconds: float) -> None:
    until = time.monotonic() + seconds
    while _members(record) and time.monotonic() < until:
        time.sleep(0.05)
