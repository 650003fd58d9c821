"""What must be true of instances after a recovery, as Nova tells it."""

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from tests.harness import oracle
from tools.devcloud.cloud import Cloud

JsonDict = dict[str, Any]


def state_of(server: JsonDict) -> tuple[str, int]:
    """Return vm_state and power_state."""
    return server["OS-EXT-STS:vm_state"], server["OS-EXT-STS:power_state"]


def host_of(server: JsonDict) -> str:
    """Return the host on which Nova has the instance."""
    return str(server["OS-EXT-SRV-ATTR:host"])


def see(cloud: Cloud, uuid: str) -> oracle.Seen:
    """Look at an instance as the oracle does; Nova does not tell who has locked it."""
    server = cloud.server(uuid)
    vm_state, power_state = state_of(server)
    return oracle.Seen(
        uuid=uuid,
        host=host_of(server),
        vm_state=vm_state,
        power_state=power_state,
        task_state=server["OS-EXT-STS:task_state"],
        lock=("somebody" if server["locked"] else None, server["locked_reason"]),
        evacuations=[record["status"] for record in cloud.evacuations(uuid)],
    )


def assert_moved_once(cloud: Cloud, servers: Iterable[str], source: str, vm_state: str = "active") -> None:
    """Each is on another host, in that state, evacuated exactly once, and no lock of ours is on it."""
    for uuid in servers:
        violations = list(oracle.judge_move(see(cloud, uuid), (source,), vm_state))
        assert not violations, violations


def assert_no_lock_of_ours(cloud: Cloud, uuid: str) -> None:
    """No lock of an engine is on the instance."""
    assert not list(oracle.judge_lock(see(cloud, uuid)))


def assert_unmoved(cloud: Cloud, servers: Iterable[str], source: str) -> None:
    """Each is where it was, was never evacuated, and is not locked."""
    for uuid in servers:
        server = cloud.server(uuid)
        assert (host_of(server), server["locked"], cloud.evacuations(uuid)) == (source, False, [])


def wait_for_state(cloud: Cloud, server: str, vm_state: str) -> None:
    """Wait until an instance is in that state."""
    cloud.wait_for(lambda: state_of(cloud.server(server))[0] == vm_state, f"{server} to be {vm_state}")


def wait_for_clean_source(cloud: Cloud, servers: Sequence[str]) -> None:
    """Wait until a host that has come back has let go of what was evacuated: each is on one host alone.

    Its compute removes a guest that it finds, and takes back what Placement has for it there.
    """
    for server in servers:
        cloud.wait_for(functools.partial(_is_let_go, cloud, server), f"{server} to be on one host alone")


def _is_let_go(cloud: Cloud, server: str) -> bool:
    statuses = [record["status"] for record in cloud.evacuations(server)]
    return statuses == ["completed"] and _providers_of(cloud, server) == [host_of(cloud.server(server))]


def _providers_of(cloud: Cloud, server: str) -> list[str]:
    """Return the names of the hosts that have resources of an instance's."""
    found = cloud.admin.request("placement", "GET", f"/allocations/{server}")["allocations"]
    known = cloud.admin.request("placement", "GET", "/resource_providers")["resource_providers"]
    return [provider["name"] for provider in known if provider["uuid"] in found]
