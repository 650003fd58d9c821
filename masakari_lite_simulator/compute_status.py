"""Placement's trait COMPUTE_STATUS_DISABLED: it, and not the service's status, is what the scheduler reads.

Nova saves a service's status, then has the compute itself change the trait.
"""

from __future__ import annotations

from masakari_lite_simulator.models import Host
from masakari_lite_simulator.state import CloudState

UPDATE_RESOURCES_INTERVAL = 60.0
"""Seconds between two runs of the task in which a compute reports to Placement."""


def call_compute(state: CloudState, host: Host) -> float:
    """Call a compute about its service's changed status; return how many seconds that takes.

    One that Nova considers down is not called. One that is dead but still considered up does not answer; the
    call stays in its queue until the call's timeout.
    """
    state.record_event("service", host.name, "disabled" if host.disabled else "enabled")
    if not state.is_up(host):
        return 0.0
    if host.alive:
        host.disabled_trait = host.disabled
        return 0.0
    timeout = state.options.rpc_response_timeout
    host.queued_status_calls.append((state.now + timeout, host.disabled))
    return timeout


def restore(state: CloudState, host: Host) -> None:
    """Let a restarted compute set its trait: first by the database, then by the calls in its queue.

    A call may be older than the status in the database; the compute corrects that at its next report.
    """

    def report() -> None:
        if host.alive:
            host.disabled_trait = host.disabled

    report()
    for expires, disabled in host.queued_status_calls:
        if expires > state.now:
            host.disabled_trait = disabled
    host.queued_status_calls.clear()
    state.after(UPDATE_RESOURCES_INTERVAL, report)
