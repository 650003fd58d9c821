"""Latencies and faults of the simulated APIs, per kind of request."""

from __future__ import annotations

import dataclasses
import fnmatch
import random
import threading


@dataclasses.dataclass
class Fault:
    """A fault that some requests are answered with.

    :ivar status: answer with this status, without carrying the request out
    :ivar drop_before: close the connection without carrying the request out
    :ivar drop_after: carry the request out, then close the connection: the response is lost
    :ivar delay: seconds to wait before the request is handled
    :ivar delay_after: seconds to wait before the response is sent
    :ivar share: the probability of each matching request being hit, 0 to 1
    :ivar times: how many requests are hit in all; None for any number
    :ivar after_request: the number of matching requests that are answered normally first
    :ivar retry_after: seconds, of the Retry-After header sent with `status`
    :ivar message: the error's text
    :ivar user: hit only this user's requests
    :ivar uuid: hit only requests for this server or service
    :ivar truncates_after: a list of servers or migration records has only so many entries, with status 200
        and no next page: Nova leaves out what it cannot read of a cell
    """

    status: int | None = None
    drop_before: bool = False
    drop_after: bool = False
    delay: float = 0.0
    delay_after: float = 0.0
    share: float = 1.0
    times: int | None = None
    after_request: int = 0
    retry_after: float | None = None
    message: str = "This request fails as planned in the simulator."
    user: str | None = None
    uuid: str | None = None
    truncates_after: int | None = None
    matched: int = 0
    hits: int = 0


class Faults:
    """Which requests are delayed or fail, by kind of request. Kinds may be patterns: `server.*`, `*`."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(f"faults {seed}")
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self._latencies: list[tuple[str, float]] = []

    def add(self, kind: str, fault: Fault) -> Fault:
        """Add a fault for requests of that kind; return it: its `hits` counts its hits."""
        with self._lock:
            self._faults.append((kind, fault))
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove one fault."""
        with self._lock:
            self._faults = [entry for entry in self._faults if entry[1] is not fault]

    def clear(self) -> None:
        """Remove all faults and latencies."""
        with self._lock:
            self._faults.clear()
            self._latencies.clear()

    def set_latency(self, kind: str, seconds: float) -> None:
        """Delay each request of that kind by that many seconds."""
        with self._lock:
            self._latencies = [entry for entry in self._latencies if entry[0] != kind]
            self._latencies.append((kind, seconds))

    def latency(self, kind: str) -> float:
        """Return the seconds to wait before a request of that kind is handled."""
        if not self._latencies:
            return 0.0
        return sum(seconds for pattern, seconds in self._latencies if fnmatch.fnmatchcase(kind, pattern))

    def hit(self, kind: str, user: str | None, uuid: str | None) -> list[Fault]:
        """Return the faults to apply to this request, and count the hits."""
        if not self._faults:
            return []
        with self._lock:
            return [
                fault
                for pattern, fault in self._faults
                if fnmatch.fnmatchcase(kind, pattern) and self._is_hit(fault, user, uuid)
            ]

    def _is_hit(self, fault: Fault, user: str | None, uuid: str | None) -> bool:
        if fault.user not in (None, user) or fault.uuid not in (None, uuid):
            return False
        fault.matched += 1
        if fault.matched <= fault.after_request or (fault.times is not None and fault.hits >= fault.times):
            return False
        # nothing is drawn for a certain hit, so that adding one does not change the others' results
        if fault.share < 1.0 and self._random.random() >= fault.share:
            return False
        fault.hits += 1
        return True
