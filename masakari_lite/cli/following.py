"""Watching a notification until it has ended, and the words for what an instance goes through."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from masakari_lite.cli.errors import NoAnswer
from masakari_lite.models import JsonDict, NotificationStatus, VMoveStatus

INTERVAL = 0.5

_STEPS = {
    "planned": "begins",
    "lock": "is being locked",
    "reset-state": "has its state reset",
    "evacuate": "is on its way",
    "restore": "has arrived, and gets its old state back",
    "unlock": "is being unlocked",
}


class Engine(Protocol):
    """What is asked of the engine."""

    def get_notification(self, notification_uuid: str) -> JsonDict:
        """Fetch a notification."""

    def list_vmoves(self, notification_uuid: str) -> list[JsonDict]:
        """List the vmoves of a notification."""


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """How far a recovery is.

    :ivar changed: the vmoves that describe() does not describe as in the snapshot before
    """

    notification: JsonDict
    vmoves: list[JsonDict]
    changed: list[JsonDict]

    @property
    def is_final(self) -> bool:
        """Whether the notification has ended."""
        return not NotificationStatus(self.notification["status"]).is_active

    @property
    def ended(self) -> int:
        """How many vmoves have a final status."""
        return sum(VMoveStatus(vmove["status"]).is_final for vmove in self.vmoves)


def follow(
    engine: Engine,
    notification_uuid: str,
    limit: float,
    pause: Callable[[float], None] = time.sleep,
    complain: Callable[[str], None] = lambda message: None,
    interval: float = INTERVAL,
) -> Iterator[Snapshot]:
    """Yield a snapshot at every interval, until one is final or the limit has passed.

    :param limit: seconds
    :param pause: waits for some seconds
    :param complain: called when no engine answers; it is asked again
    :param interval: seconds between two questions
    """
    deadline = time.monotonic() + limit
    seen: dict[str, str] = {}
    while True:
        try:
            # in this order: the vmoves of a completed notification are completed, too
            notification = engine.get_notification(notification_uuid)
            vmoves = engine.list_vmoves(notification_uuid)
        except NoAnswer as error:
            complain(str(error))
        else:
            now = {vmove["instance_uuid"]: describe(vmove) for vmove in vmoves}
            changed = [vmove for vmove in vmoves if seen.get(uuid := vmove["instance_uuid"]) != now[uuid]]
            seen = now
            snapshot = Snapshot(notification, vmoves, changed)
            yield snapshot
            if snapshot.is_final:
                return
        if time.monotonic() >= deadline:
            return
        pause(interval)


def describe(vmove: JsonDict) -> str:
    """Say in some words what an instance goes through."""
    status = VMoveStatus(vmove["status"])
    if status.is_final:
        message = vmove["message"]
        return f"{status}, {message}" if message else str(status)
    if status is VMoveStatus.PENDING:
        return "waits"
    return _STEPS.get(vmove["step"], str(vmove["step"]))
