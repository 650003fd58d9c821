"""Starts engines by fork: a process that has imported what the engine imports, and nothing of the tests.

To start an interpreter and to import the engine takes over a second, to recover twelve instances less. So
this process imports ``masakari_lite.cmd.engine`` (which monkey-patches first of all, as in production) and
what its ``main()`` imports late; then each engine is a fork of it that runs that same ``main()`` with a
command line of its own: a process of its own with a pid of its own, that nothing but the import is spared.
The only thing that importing leaves behind that must not be shared is eventlet's hub, with its epoll
object, which ``monkey_patch()`` makes: each fork takes a new one before it does anything.

Run as a script, not as a module, because an engine imports nothing of the package ``tests``; with a socket's
number. What is put into an engine, a mistake or a signal at a chosen moment, is in the directory ``inside``.
It talks over the socket, a JSON object a line: it is told what to start, answers with the pid, and tells when
that process has ended. When the socket is closed it kills what still runs, and ends.
"""

import contextlib
import gc
import importlib
import json
import pathlib
import signal
import sys
import traceback
from typing import Any

from masakari_lite.cmd import engine  # patches first, as the engine's command does

# isort: split
from eventlet import hubs, patcher

# the patched one would run a hub here, of which every fork would have a copy
os: Any = patcher.original("os")

_IMPORTED_LATE = (
    "masakari_lite.engine.launcher",
    "masakari_lite.engine.service",
    "keystoneauth1.loading._plugins.identity.generic",
    "novaclient.v2.client",
    "oslo_messaging._drivers.impl_fake",
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
    """Import what main() and its libraries import late, and what is put into an engine."""
    from oslo_service import backend

    backend.init_backend(backend.BackendType.EVENTLET)
    for name in _IMPORTED_LATE:
        with contextlib.suppress(ImportError):  # a driver that is not needed
            importlib.import_module(name)
    sys.path.insert(0, str(pathlib.Path(__file__).with_name("inside")))
    for name in ("sabotage", "tripwire"):
        importlib.import_module(name)


def run_engine(order: dict[str, Any]) -> int:
    """Be an engine; returns its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    hubs.use_hub()
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    sys.argv = [engine.PROG, *order["arguments"]]
    sys.modules["sabotage"].commit(order.get("mistake"))
    sys.modules["tripwire"].lay(order.get("trap"))
    sys.modules["tripwire"].count(order.get("count"))
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
            os.waitpid(pid, 0)

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
    gc.freeze()  # what is imported is left alone by the forks, so that they share its memory
    Zygote(int(sys.argv[1])).serve()
