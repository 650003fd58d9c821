"""What the demo plays with: which instances shall fail, and which ones their owner may change."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

SHARE_OF_FREE = 5
"""One instance in so many is one to which its owner does something at any time."""


@dataclasses.dataclass(frozen=True)
class Scene:
    """The instances of the host that fails.

    :ivar failing: those for which Nova will find no valid host
    :ivar free: those to which their owner does something at any time
    """

    instances: list[str]
    failing: frozenset[str]
    free: list[str]


def choose(servers: Sequence[dict[str, Any]], fail_share: float, seed: int) -> Scene:
    """Choose the parts that the instances play; the odd ones (paused, locked, in error) fail last.

    :param servers: as RemoteSimulator.servers() shows them
    :param fail_share: for which share of them Nova finds no valid host, 0 to 1
    """
    chance = random.Random(f"scene {seed}")
    plain = [server["uuid"] for server in servers if _is_plain(server)]
    odd = [server["uuid"] for server in servers if not _is_plain(server)]
    chance.shuffle(plain)
    count = round(fail_share * len(servers))
    failing = [*plain, *odd][:count]
    free = [uuid for uuid in plain if uuid not in failing][: len(servers) // SHARE_OF_FREE]
    return Scene([server["uuid"] for server in servers], frozenset(failing), free)


def _is_plain(server: dict[str, Any]) -> bool:
    return server["vm_state"] in ("active", "stopped") and not server["locked_by"]
