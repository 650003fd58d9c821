"""Which of the host's instances fail to be evacuated, and which ones their owner changes at any time."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

UNRESTRICTED_SHARE = 5
"""One instance in so many is one that its owner changes at any time."""


@dataclasses.dataclass(frozen=True)
class Selection:
    """The instances of the host that fails.

    :ivar failing: those for which Nova will find no valid host
    :ivar unrestricted: those that their owner changes at any time, not only while the engine recovers them
    """

    instances: list[str]
    failing: frozenset[str]
    unrestricted: list[str]


def select(servers: Sequence[dict[str, Any]], fail_share: float, seed: int) -> Selection:
    """Select instances at random; special ones (paused, locked, in error) fail only when no others are left.

    :param servers: as RemoteSimulator.servers() returns them
    :param fail_share: for which share of them Nova finds no valid host, 0 to 1
    """
    generator = random.Random(f"selection {seed}")
    plain = [server["uuid"] for server in servers if _is_plain(server)]
    special = [server["uuid"] for server in servers if not _is_plain(server)]
    generator.shuffle(plain)
    count = round(fail_share * len(servers))
    failing = [*plain, *special][:count]
    unrestricted = [uuid for uuid in plain if uuid not in failing][: len(servers) // UNRESTRICTED_SHARE]
    return Selection([server["uuid"] for server in servers], frozenset(failing), unrestricted)


def _is_plain(server: dict[str, Any]) -> bool:
    return server["vm_state"] in ("active", "stopped") and not server["locked_by"]
