"""Twelve instances of every kind on one host, and how each must be in the end: written down, not computed."""

import dataclasses
from typing import Any

RUNNING, PAUSED, SHUTDOWN, SUSPENDED = 1, 3, 4, 7


@dataclasses.dataclass(frozen=True)
class Guest:
    """An instance when its host fails, and at the end.

    :ivar before: as ``Cloud.add_server()`` takes it
    :ivar moves: whether it is evacuated
    """

    name: str
    before: dict[str, Any]
    vm_state: str
    power_state: int
    locked_by: str | None = None
    locked_reason: str | None = None
    moves: bool = True


def _locked(by: str, reason: str) -> dict[str, Any]:
    return {"locked_by": by, "locked_reason": reason}


GUESTS = (
    Guest("active", {"vm_state": "active"}, "active", RUNNING),
    Guest("stopped", {"vm_state": "stopped", "power_state": SHUTDOWN}, "stopped", SHUTDOWN),
    Guest("paused", {"vm_state": "paused", "power_state": PAUSED}, "stopped", SHUTDOWN),
    Guest("suspended", {"vm_state": "suspended", "power_state": SUSPENDED}, "stopped", SHUTDOWN),
    Guest("resized", {"vm_state": "resized", "power_state": RUNNING}, "active", RUNNING),
    Guest("rescued", {"vm_state": "rescued", "power_state": RUNNING}, "stopped", SHUTDOWN),
    Guest("error", {"vm_state": "error", "power_state": SHUTDOWN, "fault": "before"}, "error", SHUTDOWN),
    Guest("locked-by-owner", _locked("owner", "mine"), "active", RUNNING, "owner", "mine"),
    Guest("locked-by-admin", _locked("admin", "billing"), "active", RUNNING, "admin", "billing"),
    Guest("powering-off", {"vm_state": "active", "task_state": "powering-off"}, "stopped", SHUTDOWN),
    Guest("ha-enabled", {"vm_state": "active", "metadata": {"HA_Enabled": "true"}}, "active", RUNNING),
    Guest(
        "soft-deleted",
        {"vm_state": "soft-delete", "power_state": SHUTDOWN},
        "soft-delete",
        SHUTDOWN,
        moves=False,
    ),
)
