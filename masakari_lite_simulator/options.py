"""The options of a simulated cloud."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass
class SimulatorOptions:
    """How fast, how large and how new the simulated cloud is; times in seconds.

    Every field may be changed while the cloud runs.
    """

    evacuation_latency: float = 0.1
    """From an accepted evacuate to the end of its migration record."""
    evacuation_jitter: float = 0.0
    """The share by which an evacuation may take longer or shorter, 0 to 1."""
    action_latency: float = 0.02
    """How long a live host takes to stop, start, reboot, rebuild or delete an instance."""
    service_down_time: float = 60.0
    """How long Nova considers a dead host's compute service up."""
    rpc_response_timeout: float = 60.0
    """How long disabling a dead compute service that is still considered up keeps its caller waiting."""
    token_lifetime: float = 3600.0
    """How long a token is valid."""
    max_microversion: str = "2.96"
    """The newest compute API microversion that is offered."""
    max_limit: int = 1000
    """The most servers or migration records in one response."""
    capacity: int | None = None
    """How many instances a host added from now on can have; None for no limit."""
    scheduler_is_up: bool = True
    """Whether the only nova-scheduler is up."""
    denied_policies: tuple[str, ...] = ()
    """Nova's policies that even an administrator is denied: a request is refused, or a field hidden."""
    compute_endpoint: str = "{base}/compute/v2.1"
    """Nova's URL in Keystone's catalog; {base} is where the simulator listens, {project_id} the token's."""
    enforce_scope: bool = True
    """Whether Nova's policies refuse a token for the system, as Nova's [oslo_policy] enforce_scope does."""
    domain_id: str = "default"
    """The id of the domain, whose name is Default, that all users and projects are in."""
    seed: int = 0
    """What uuids, jitter and faults are drawn from: the same seed gives the same cloud."""
    log_size: int = 10000
    """How many requests and events are kept."""
    nova_clock_offset: float = 0.0
    """How far Nova's clock is ahead of this machine's; less than 0 is behind it."""
    keystone_clock_offset: float = 0.0
    """How far Keystone's clock is ahead of this machine's."""
    sends_date: bool = True
    """Whether responses have a Date header; some web servers send none."""
