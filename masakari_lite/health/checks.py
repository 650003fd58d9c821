"""Whether the engine can work: its checks, run at once, in a time that a prober waits for."""

import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from masakari_lite import concurrency, exceptions
from masakari_lite.models import JsonDict

LOG = logging.getLogger(__name__)

Check = Callable[[], str]

LIMIT = 5.0
_INTERVAL = 0.01


class HealthChecks:
    """Asks what the engine needs whether it is there."""

    def __init__(
        self,
        checks: Mapping[str, Check],
        max_ages: Mapping[str, float] = MappingProxyType({}),
        limit: float = LIMIT,
    ) -> None:
        """Ask nothing yet.

        :param checks: by name; each returns some words, or raises a MasakariLiteError that says what is
            wrong. One that hangs is not called again before it has come back.
        :param max_ages: by name, for how many seconds a check's last result is returned instead of a new one
        :param limit: the longest that an answer takes, in seconds
        """
        self._limit = limit
        self._probes = {name: _Probe(check, max_ages.get(name, 0.0)) for name, check in checks.items()}

    def check(self) -> dict[str, JsonDict]:
        """Run all checks at once.

        :returns: by name, whether it is ``ok`` and a ``message``
        """
        for probe in self._probes.values():
            probe.start()
        deadline = time.monotonic() + self._limit
        while time.monotonic() < deadline and any(probe.is_running for probe in self._probes.values()):
            time.sleep(_INTERVAL)
        return {name: probe.result() for name, probe in self._probes.items()}


class _Probe:
    """One check, run at most once at a time."""

    def __init__(self, check: Check, max_age: float) -> None:
        self._check = check
        self._max_age = max_age
        self._started_at = self._completed_at = 0.0
        self._result: JsonDict = {}
        self.is_running = False

    def start(self) -> None:
        is_fresh = self._result and time.monotonic() - self._completed_at < self._max_age
        if not self.is_running and not is_fresh:
            self.is_running = True
            self._started_at = time.monotonic()
            concurrency.spawn(self._run)

    def result(self) -> JsonDict:
        if self.is_running:
            return _answer(False, f"no answer for {time.monotonic() - self._started_at:.0f} s")
        return self._result

    def _run(self) -> None:
        try:
            self._result = _answer(True, self._check())
        except exceptions.MasakariLiteError as error:
            self._result = _answer(False, str(error))
        except Exception as error:
            LOG.exception("A health check failed unexpectedly")
            self._result = _answer(False, f"unexpected {type(error).__name__}: {error}")
        finally:
            self._completed_at = time.monotonic()
            self.is_running = False


def _answer(ok: bool, message: str) -> JsonDict:
    return {"ok": ok, "message": message}
