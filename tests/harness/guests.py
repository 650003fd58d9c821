"""Instances of every kind, and how each must be after its host failed: written, not computed."""

import dataclasses
from typing import Any

RUNNING, PAUSED, SHUTDOWN, SUSPENDED = 1, 3, 4, 7


@dataclasses.dataclass(frozen=True)
class Guest:
    """An instance when its host fails, and at the end.

    :ivar before: as ``Cloud.add_server()`` takes it
    :ivar moves: whether it is evacuated
    :ivar refusal: what Nova says instead of evacuating it; it checks that before the state
    """

    name: str
    before: dict[str, Any]
    vm_state: str
    power_state: int
    moves: bool = True
    refusal: str = ""

    @property
    def status(self) -> str | None:
        """The status of its vmove at the end; None when Nova lists no such instance, so that it has none."""
        return "succeeded" if self.moves else "failed" if self.refusal else None

    @property
    def lock(self) -> tuple[str | None, str | None]:
        """Who has locked it, and why: before as well as at the end."""
        return self.before.get("locked_by"), self.before.get("locked_reason")

    @property
    def state(self) -> tuple[str, str | None]:
        """Its vm_state and task_state before."""
        return self.before.get("vm_state", "active"), self.before.get("task_state")


_ALL = (
    Guest("active", {"vm_state": "active"}, "active", RUNNING),
    Guest("stopped", {"vm_state": "stopped", "power_state": SHUTDOWN}, "stopped", SHUTDOWN),
    Guest("paused", {"vm_state": "paused", "power_state": PAUSED}, "stopped", SHUTDOWN),
    Guest("suspended", {"vm_state": "suspended", "power_state": SUSPENDED}, "stopped", SHUTDOWN),
    Guest("resized", {"vm_state": "resized", "power_state": RUNNING}, "active", RUNNING),
    Guest("rescued", {"vm_state": "rescued", "power_state": RUNNING}, "stopped", SHUTDOWN),
    Guest("error", {"vm_state": "error", "power_state": SHUTDOWN, "fault": "before"}, "error", SHUTDOWN),
    Guest("locked-by-owner", {"locked_by": "owner", "locked_reason": "mine"}, "active", RUNNING),
    Guest("locked-by-admin", {"locked_by": "admin", "locked_reason": "billing"}, "active", RUNNING),
    Guest(
        "stopped-and-locked",
        {"vm_state": "stopped", "power_state": SHUTDOWN, "locked_by": "owner"},
        "stopped",
        SHUTDOWN,
    ),
    Guest("powering-off", {"vm_state": "active", "task_state": "powering-off"}, "stopped", SHUTDOWN),
    Guest("ha-enabled", {"vm_state": "active", "metadata": {"HA_Enabled": "true"}}, "active", RUNNING),
    Guest(
        "soft-deleted",
        {"vm_state": "soft-delete", "power_state": SHUTDOWN},
        "soft-delete",
        SHUTDOWN,
        moves=False,
    ),
    Guest(
        "vtpm",
        {"vm_state": "paused", "power_state": PAUSED},
        "paused",
        PAUSED,
        moves=False,
        refusal="Operation 'evacuate' not supported for vTPM-enabled instance.",
    ),
)
KINDS = {guest.name: guest for guest in _ALL}
