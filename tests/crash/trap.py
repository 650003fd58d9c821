"""On the way to Nova: counts an engine's requests, and kills it at the one that it is told."""

import signal
import threading
import time

from masakari_lite_simulator.application import Application
from masakari_lite_simulator.http import Request, Response
from tests.crash.points import Kill, Kind
from tests.harness.forks import EngineProcess

LATE = 1.2
"""After so many seconds a late request is carried out at the latest."""
_LATE_ONES = (b'"evacuate"', b'"lock"')


class Trap:
    """A handler of requests before the simulator's own.

    :ivar requests: how many this engine has sent to Nova
    :ivar changes: how many of them were to change something
    :ivar late_ones: how many of them may be carried out late: evacuates and locks
    :ivar has_locked_late: whether a lock was carried out late
    :ivar engine: the engine; to be set as soon as it is known
    """

    def __init__(self, application: Application) -> None:
        self._application = application
        self._kill: Kill | None = None
        self._late: Request | None = None
        self.requests = self.changes = self.late_ones = 0
        self.has_locked_late = False
        self.engine: EngineProcess | None = None

    def arm(self, kill: Kill | None) -> None:
        """Watch a new engine; a kill that is not Nova's is none."""
        self.engine = None
        self.requests = self.changes = self.late_ones = 0
        self._kill = kill if kill and kill.kind.is_nova else None

    def __call__(self, request: Request) -> Response | None:
        """Let a request through to the cloud, unless it is the one."""
        if not request.path.startswith("/compute"):
            return self._application(request)
        number = self._count(request)
        if self._kill is None or number != self._kill.at:
            response = self._application(request)
            self._catch_up(request)
            return response
        self._spring(self._kill.kind, request)
        return None

    def _spring(self, kind: Kind, request: Request) -> None:
        self._kill = None
        if kind is Kind.NOVA_AFTER:
            self._application(request)
        elif kind is Kind.NOVA_LATE:
            self._late = request
            self.has_locked_late |= b'"lock"' in request.content
            threading.Timer(LATE, self._carry_out_late).start()
        while self.engine is None:
            time.sleep(0.001)
        self.engine.send(signal.SIGKILL)

    def _catch_up(self, request: Request) -> None:
        """Carry out the late request at the worst moment: when the next engine has sent the like of it."""
        if self._late and (request.path, request.content) == (self._late.path, self._late.content):
            self._carry_out_late()

    def _carry_out_late(self) -> None:
        request, self._late = self._late, None
        if request:
            self._application(request)

    def _count(self, request: Request) -> int:
        """Count a request; tells its number among those that the kill is about, 0 if it is none of them."""
        is_change = request.method != "GET"
        is_late_one = is_change and any(action in request.content for action in _LATE_ONES)
        self.requests += 1
        self.changes += is_change
        self.late_ones += is_late_one
        if self._kill is None or self._kill.kind is Kind.NOVA_BEFORE:
            return self.requests
        if self._kill.kind is Kind.NOVA_AFTER:
            return self.changes * is_change
        return self.late_ones * is_late_one
