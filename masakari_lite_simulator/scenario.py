"""A typical cloud: some hosts, and instances in mixed states on the first."""

from __future__ import annotations

from typing import Any

from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.models import Server

EVERY_STOPPED = 8
"""One instance in so many is stopped."""


def populate(cloud: Cloud, hosts: int = 4, instances: int = 60, on_first: int = 40) -> list[Server]:
    """Add hosts compute-1 to compute-N, and instances: `on_first` on compute-1, the others elsewhere.

    On compute-1 about one in eight is stopped, and, where there are enough, one is in error, one locked by
    its owner and one paused. Return the instances of compute-1.
    """
    names = [f"compute-{number}" for number in range(1, hosts + 1)]
    for name in names:
        cloud.add_host(name)
    on_first = instances if hosts == 1 else min(on_first, instances)
    guests = [
        cloud.add_server(names[0], name=f"guest-{number:03d}", **_special_fields(number, on_first))
        for number in range(1, on_first + 1)
    ]
    for number in range(on_first + 1, instances + 1):
        cloud.add_server(names[1 + number % (hosts - 1)], name=f"other-{number:03d}")
    return guests


def _special_fields(number: int, of: int) -> dict[str, Any]:
    """Return the fields in which the guest with that number differs from a plain active one."""
    if of >= 4 and number == 2:
        return {"locked_by": "owner", "locked_reason": "a lock by its owner"}
    if of >= 4 and number == 3:
        return {"vm_state": "error", "fault": "An error from before the failure."}
    if of >= 5 and number == 5:
        return {"vm_state": "paused"}
    if number % EVERY_STOPPED == 4:
        return {"vm_state": "stopped"}
    return {}
