"""How Nova chooses the destination of an evacuation."""

from __future__ import annotations

import collections
import math

from masakari_lite_simulator.models import Host, Server
from masakari_lite_simulator.state import CloudState


def choose_host(state: CloudState, server: Server, wanted: str | None, is_forced: bool) -> Host | None:
    """Return the host with the fewest instances of those that can take the server; None when none can.

    :param wanted: the only destination that the request allows; None allows any
    :param is_forced: the scheduler is not asked about the wanted host (before 2.29, or with `force`)
    """
    if not is_forced and state.planned_failures.fails_scheduling(server.uuid):
        return None
    load = collections.Counter(other.host for other in state.servers.values() if not other.deleted)
    candidates = [
        host
        for host in state.hosts.values()
        if host.name != server.host
        and wanted in (None, host.name)
        and _has_capacity(host, load[host.name])
        and (is_forced or _is_offered(state, host))
    ]
    return min(candidates, key=lambda host: (load[host.name] + host.reserved, host.id), default=None)


def _has_capacity(host: Host, instances: int) -> bool:
    # Placement refuses a host without capacity, even when it is forced
    capacity = math.inf if host.capacity is None else host.capacity
    return instances + host.reserved < capacity


def _is_offered(state: CloudState, host: Host) -> bool:
    return state.is_up(host) and not (host.disabled or host.disabled_trait)
