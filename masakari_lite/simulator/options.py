"""What can be set about a simulated cloud."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class SimulatorOptions:
    """How fast, how large and how new the simulated cloud is. Times are in seconds.

    Every field may be changed while the cloud runs.
    """

    evacuation_latency: float = 0.1
    """From an accepted evacuate to the end of its migration record."""
    evacuation_jitter: float = 0.0
    """The share by which an evacuation may take longer or shorter, 0 to 1."""
    action_latency: float = 0.02
    """How long a live host takes to stop, start, reboot, rebuild or delete an instance."""
    service_down_time: float = 60.0
    """After how long Nova believes that a dead host's compute service is down."""
    rpc_response_timeout: float = 60.0
    """How long disabling a dead compute service that still looks up keeps its caller waiting."""
    token_lifetime: float = 3600.0
    """How long a token is good for."""
    max_microversion: str = "2.96"
    """The newest compute API microversion that is offered."""
    max_limit: int = 1000
    """The most servers or migration records in one answer."""
    capacity: int | None = None
    """How many instances a host added from now on has room for; None for no limit."""
    seed: int = 0
    """What uuids, jitter and faults are drawn from: the same seed gives the same cloud."""
    log_size: int = 10000
    """How many requests and events are remembered."""
