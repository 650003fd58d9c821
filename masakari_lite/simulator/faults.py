"""Latencies and faults of the simulated APIs, per kind of request."""

from __future__ import annotations

import dataclasses
import fnmatch
import random
import threading


@dataclasses.dataclass
class Fault:
    """Something that goes wrong with a request.

    :ivar status: answer with this status, without doing what was asked
    :ivar drop_before: close the connection without doing what was asked
    :ivar drop_after: do it, then close the connection: the answer is lost
    :ivar delay: seconds before the request is looked at
    :ivar delay_after: seconds between doing it and answering
    :ivar share: how likely each matching request is hit, 0 to 1
    :ivar times: how many requests are hit in all; None for any number
    :ivar after_request: so many matching requests pass unharmed first
    :ivar retry_after: seconds, for the Retry-After header that goes with `status`
    :ivar message: the error's text
    :ivar user: hit only this user's requests
    :ivar uuid: hit only requests for this server or service
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
    message: str = "The simulator was told to answer so."
    user: str | None = None
    uuid: str | None = None
    seen: int = 0
    hits: int = 0


class Faults:
    """Which requests shall be slow or go wrong. Kinds may be patterns: `server.*`, `*`."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(f"faults {seed}")
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self._latencies: list[tuple[str, float]] = []

    def add(self, kind: str, fault: Fault) -> Fault:
        """Let requests of that kind suffer that fault; return it, its `hits` tell how often it struck."""
        with self._lock:
            self._faults.append((kind, fault))
        return fault

    def remove(self, fault: Fault) -> None:
        """End one fault."""
        with self._lock:
            self._faults = [entry for entry in self._faults if entry[1] is not fault]

    def clear(self) -> None:
        """End all faults and latencies."""
        with self._lock:
            self._faults.clear()
            self._latencies.clear()

    def set_latency(self, kind: str, seconds: float) -> None:
        """Let each answer to requests of that kind take that much longer."""
        with self._lock:
            self._latencies = [entry for entry in self._latencies if entry[0] != kind]
            self._latencies.append((kind, seconds))

    def latency(self, kind: str) -> float:
        """Return the seconds to wait before a request of that kind is looked at."""
        if not self._latencies:
            return 0.0
        return sum(seconds for pattern, seconds in self._latencies if fnmatch.fnmatchcase(kind, pattern))

    def strike(self, kind: str, user: str | None, uuid: str | None) -> list[Fault]:
        """Return the faults that hit this request, and count them."""
        if not self._faults:
            return []
        with self._lock:
            return [
                fault
                for pattern, fault in self._faults
                if fnmatch.fnmatchcase(kind, pattern) and self._hits(fault, user, uuid)
            ]

    def _hits(self, fault: Fault, user: str | None, uuid: str | None) -> bool:
        if fault.user not in (None, user) or fault.uuid not in (None, uuid):
            return False
        fault.seen += 1
        if fault.seen <= fault.after_request or (fault.times is not None and fault.hits >= fault.times):
            return False
        # nothing is drawn for a certain hit, so that adding one does not change the others' luck
        if fault.share < 1.0 and self._random.random() >= fault.share:
            return False
        fault.hits += 1
        return True
