"""Starts engines by fork: a process that has imported what the engine imports, and nothing of the tests.

To start an interpreter and to import the engine costs more than a second of CPU, and a round starts a dozen
engines. So this process imports ``masakari_lite.cmd.engine`` (which monkey-patches first of all, as in
production) and what its ``main()`` imports late; each engine is a fork of it that runs that same ``main()``
with a command line of its own. Only eventlet's hub, which patching makes, must not be shared: each fork takes
a new one before it does anything.

Run as a script, not as a module, because the package ``tests`` patches too. It talks over a socket, a JSON
object a line: it is told what to start, answers with the pid, and tells when that process has ended. When
the socket is closed it kills what still runs, and ends.
"""

import contextlib
import importlib
import json
import signal
import sys
import traceback
from typing import Any

from masakari_lite.cmd import engine  # isort: skip - patches first, as the engine's command does

from eventlet import hubs, patcher

import sabotage  # isort: skip
import tripwire  # isort: skip

# the patched one would run a hub here, of which every fork would have a copy
os: Any = patcher.original("os")

_IMPORTED_LATE = (
    "masakari_lite.engine.launcher",
    "masakari_lite.engine.service",
    "keystoneauth1.loading._plugins.identity.generic",
    "novaclient.v2.client",
    "oslo_messaging._drivers.impl_rabbit",
    "kombu.transport.pyamqp",
    "pymysql",
    "pg8000",
    "redis",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql",
    "sqlalchemy.dialects.sqlite",
    "taskflow.engines.action_engine.engine",
    "taskflow.persistence.backends.impl_memory",
    "tooz.drivers.file",
    "tooz.drivers.redis",
)


def preload() -> None:
    """Import what main() and its libraries import late."""
    from oslo_service import backend

    backend.init_backend(backend.BackendType.EVENTLET)
    for name in _IMPORTED_LATE:
        with contextlib.suppress(ImportError):  # a driver that is not needed
            importlib.import_module(name)


def run_engine(order: dict[str, Any]) -> int:
    """Be an engine; returns its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    hubs.use_hub()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    sys.argv = [engine.PROG, *order["arguments"]]
    sabotage.commit(order.get("mistake"))
    tripwire.lay(order.get("freeze"))
    return engine.main()


class Zygote:
    """Obeys the orders that come over a socket."""

    def __init__(self, descriptor: int) -> None:
        self._socket = descriptor
        os.set_blocking(descriptor, True)
        self._children: set[int] = set()

    def serve(self) -> None:
        """Start an engine for each line that comes."""
        signal.signal(signal.SIGCHLD, self._reap)
        buffer = b""
        while piece := os.read(self._socket, 65536):
            buffer += piece
            while b"\n" in buffer:
                line, _, buffer = buffer.partition(b"\n")
                self._start(json.loads(line))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for pid in self._children:
            os.kill(pid, signal.SIGKILL)

    def _start(self, order: dict[str, Any]) -> None:
        # an engine that dies at once is told of after its start
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
            os.close(self._socket)
            _be(order)
        self._children.add(pid)
        self._say({"started": pid, "order": order["number"]})
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})

    def _reap(self, _number: int, _frame: object) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            self._children.discard(pid)
            self._say({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _say(self, message: dict[str, int]) -> None:
        os.write(self._socket, json.dumps(message).encode() + b"\n")


def _be(order: dict[str, Any]) -> None:
    """Run an engine and end the process, whatever happens."""
    status = 70
    try:
        status = run_engine(order)
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - it must not run on as a second zygote
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    preload()
    Zygote(int(sys.argv[1])).serve()
