"""The instances of the failing hosts, and how each must be in the end: written down, not computed."""

import dataclasses
import random
from typing import Any

RUNNING, PAUSED, SHUTDOWN, SUSPENDED = 1, 3, 4, 7


@dataclasses.dataclass(frozen=True)
class Guest:
    """An instance when its host fails, and at the end.

    :ivar before: as ``Cloud.add_server()`` takes it
    """

    before: dict[str, Any]
    vm_state: str
    power_state: int

    @property
    def lock(self) -> tuple[str | None, str | None]:
        """Who has locked it, and why: before as well as at the end."""
        return self.before.get("locked_by"), self.before.get("locked_reason")


_ALWAYS = (
    Guest({"vm_state": "active"}, "active", RUNNING),
    Guest({"vm_state": "stopped", "power_state": SHUTDOWN}, "stopped", SHUTDOWN),
)
_OTHERS = (
    Guest({"vm_state": "active"}, "active", RUNNING),
    Guest({"vm_state": "active", "metadata": {"HA_Enabled": "true"}}, "active", RUNNING),
    Guest({"vm_state": "active", "task_state": "powering-off"}, "stopped", SHUTDOWN),
    Guest({"vm_state": "paused", "power_state": PAUSED}, "stopped", SHUTDOWN),
    Guest({"vm_state": "suspended", "power_state": SUSPENDED}, "stopped", SHUTDOWN),
    Guest({"vm_state": "resized", "power_state": RUNNING}, "active", RUNNING),
    Guest({"vm_state": "error", "power_state": SHUTDOWN, "fault": "before"}, "error", SHUTDOWN),
    Guest({"locked_by": "owner", "locked_reason": "mine"}, "active", RUNNING),
    Guest({"locked_by": "admin", "locked_reason": "billing"}, "active", RUNNING),
    Guest({"vm_state": "stopped", "power_state": SHUTDOWN, "locked_by": "owner"}, "stopped", SHUTDOWN),
)


def draw(chance: random.Random) -> list[Guest]:
    """Draw four to six for one host."""
    drawn = [*_ALWAYS, *chance.sample(_OTHERS, chance.randint(2, 4))]
    chance.shuffle(drawn)
    return drawn
