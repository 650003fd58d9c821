"""Placement's trait COMPUTE_STATUS_DISABLED: what the scheduler goes by, and not by the status of a service.

Nova saves a service's status, then has the compute itself change the trait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from masakari_lite.simulator.models import Host

if TYPE_CHECKING:
    from masakari_lite.simulator.cloud import Cloud

UPDATE_RESOURCES_INTERVAL = 60.0
"""Seconds between two runs of the task in which a compute reports to Placement."""


def tell(cloud: Cloud, host: Host) -> float:
    """Tell a compute that its service's status was set; return how many seconds that takes.

    One that is believed down is not told. One that is dead but looks up does not answer; the call stays in
    its queue for as long as it is waited for.
    """
    cloud.note("service", host.name, "disabled" if host.disabled else "enabled")
    if not cloud.is_up(host):
        return 0.0
    if host.alive:
        host.disabled_trait = host.disabled
        return 0.0
    timeout = cloud.options.rpc_response_timeout
    host.unheard.append((cloud.now + timeout, host.disabled))
    return timeout


def report(cloud: Cloud, host: Host) -> None:
    """Let a compute that came back set its trait: first by the database, then by the calls in its queue.

    A call may be older than what the database says; the compute finds that out when it reports again.
    """

    def compare() -> None:
        if host.alive:
            host.disabled_trait = host.disabled

    compare()
    for until, disabled in host.unheard:
        if until > cloud.now:
            host.disabled_trait = disabled
    host.unheard.clear()
    cloud.after(UPDATE_RESOURCES_INTERVAL, compare)
