"""The log of requests: who sent them and how they were answered."""

from __future__ import annotations

import collections
import dataclasses
import threading
from typing import Any

OWNER_KINDS = frozenset(
    {
        "server.stop",
        "server.start",
        "server.reboot",
        "server.rebuild",
        "server.delete",
        "server.metadata",
        "server.pause",
        "server.unpause",
        "server.suspend",
        "server.resume",
        "server.lock",
        "server.unlock",
        "server.update",
        "server.backup",
    }
)
"""The requests of normal users that an evacuation must be protected from."""

HARMLESS_KINDS = frozenset({"server.lock", "server.unlock", "server.metadata", "server.update"})
"""Those of them that do not change the instance's state."""


@dataclasses.dataclass(frozen=True)
class RequestRecord:
    """One request. `status` is 0 when no response was sent; `phase` is that of the instance's admin lock."""

    time: float
    user: str | None
    kind: str
    uuid: str | None
    status: int
    outcome: str
    phase: str | None = None
    during_evacuation: bool = False


class RequestLog:
    """Counts every request, and keeps the last ones."""

    def __init__(self, size: int) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[tuple[str, str | None, int]] = collections.Counter()
        self._owner_actions: collections.Counter[tuple[str, str]] = collections.Counter()
        self._passed: dict[str, list[RequestRecord]] = {}
        self.records: collections.deque[RequestRecord] = collections.deque(maxlen=size)

    def add(self, record: RequestRecord) -> None:
        """Count one request."""
        with self._lock:
            self._counts[record.kind, record.user, record.status] += 1
            self.records.append(record)
            if record.phase is not None:
                self._add_owner_action(record, record.phase)

    def _add_owner_action(self, record: RequestRecord, phase: str) -> None:
        self._owner_actions[phase, record.outcome] += 1
        if record.outcome == "passed" and record.kind not in HARMLESS_KINDS and record.uuid:
            self._passed.setdefault(record.uuid, []).append(record)

    def count(self, kind: str | None = None, user: str | None = None, status: int | None = None) -> int:
        """Return how many requests there were of that kind, by that user, with that status; None is any."""
        with self._lock:
            return sum(
                number
                for (a_kind, a_user, a_status), number in self._counts.items()
                if kind in (None, a_kind) and user in (None, a_user) and status in (None, a_status)
            )

    def by_kind(self, user: str | None = None) -> dict[str, int]:
        """Return how many requests there were of each kind, by that user or by all."""
        totals: collections.Counter[str] = collections.Counter()
        with self._lock:
            for (kind, a_user, _status), number in self._counts.items():
                if user in (None, a_user):
                    totals[kind] += number
        return dict(sorted(totals.items()))

    def owner_actions(self) -> dict[str, dict[str, int]]:
        """Return normal users' requests by phase (before_lock, while_locked, after_lock) and outcome.

        The outcomes are `refused_locked`, `refused` and `passed`.
        """
        phases: dict[str, dict[str, int]] = {
            phase: {"refused_locked": 0, "refused": 0, "passed": 0}
            for phase in ("before_lock", "while_locked", "after_lock")
        }
        with self._lock:
            for (phase, outcome), number in self._owner_actions.items():
                phases[phase][outcome] += number
        return phases

    def changes_by_owner(self, uuid: str, since: float) -> list[RequestRecord]:
        """Return the normal users' requests that were accepted and may have changed this server's state.

        :param since: seconds since the epoch: none from before that
        """
        with self._lock:
            return [record for record in self._passed.get(uuid, ()) if record.time >= since]

    def clear(self) -> None:
        """Reset all counts."""
        with self._lock:
            self._counts.clear()
            self._owner_actions.clear()
            self._passed.clear()
            self.records.clear()

    def to_dict(self) -> dict[str, Any]:
        """Return the counts, for JSON."""
        users = sorted({user for _kind, user, _status in self._counts if user})
        return {
            "by_kind": self.by_kind(),
            "by_user": {user: self.by_kind(user) for user in users},
            "owner_actions": self.owner_actions(),
        }
