"""What must be true of instances after a recovery, as Nova tells it."""

from collections.abc import Iterable
from typing import Any

from tools.devcloud.cloud import Cloud

JsonDict = dict[str, Any]


def state_of(server: JsonDict) -> tuple[str, int]:
    """Return vm_state and power_state."""
    return server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:power_state"]


def host_of(server: JsonDict) -> str:
    """Return the host on which Nova has the instance."""
    return str(server["OS-EXT-SRV-ATTR:host"])


def assert_moved_once(cloud: Cloud, servers: Iterable[str], source: str, vm_state: str = "active") -> None:
    """Each is on another host, in that state, evacuated exactly once, and no lock of ours is on it."""
    for uuid in servers:
        server = cloud.server(uuid)
        assert host_of(server) != source, server
        assert server["OS-EXT-STS:vm_state"] == vm_state, server
        assert server["OS-EXT-STS:task_state"] is None, server
        statuses = [record["status"] for record in cloud.evacuations(uuid)]
        assert statuses in (["done"], ["completed"]), (uuid, statuses)
        assert_no_lock_of_ours(server)


def assert_no_lock_of_ours(server: JsonDict) -> None:
    """No lock that names masakari-lite is on the instance."""
    assert "masakari-lite" not in (server["locked_reason"] or ""), server


def assert_unmoved(cloud: Cloud, servers: Iterable[str], source: str) -> None:
    """Each is where it was, was never evacuated, and is not locked."""
    for uuid in servers:
        server = cloud.server(uuid)
        assert (host_of(server), server["locked"], cloud.evacuations(uuid)) == (source, False, [])
