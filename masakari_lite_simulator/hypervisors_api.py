"""Nova's os-hypervisors, from microversion 2.53 on: the servers of a host, read from its own cell."""

from __future__ import annotations

from typing import Any

from masakari_lite_simulator import errors
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Host


def list_hypervisors(cloud: Cloud, request: Request) -> Response:
    """GET /os-hypervisors, with or without a pattern for their names."""
    request.require_admin("os_compute_api:os-hypervisors:list")
    cloud.require_cells_up_to()
    pattern = request.parameters.get("hypervisor_hostname_pattern")
    matching = [host for host in cloud.hosts.values() if (pattern or "").lower() in host.node.lower()]
    if pattern is not None and not matching:
        raise errors.ApiError(404, f"No hypervisor matching '{pattern}' could be found.")
    return Response(200, {"hypervisors": [_view(cloud, host) for host in matching]})


def show_hypervisor(cloud: Cloud, request: Request) -> Response:
    """GET /os-hypervisors/{uuid}."""
    request.require_admin("os_compute_api:os-hypervisors:show")
    host = next((host for host in cloud.hosts.values() if host.uuid == request.uuid), None)
    cloud.require_cells_up_to(host.cell if host else None)
    if host is None:
        raise errors.ApiError(404, f"Hypervisor with ID '{request.uuid}' could not be found.")
    view = _view(cloud, host) | {"service": {"host": host.name, "disabled_reason": host.disabled_reason}}
    if request.parameters.get("with_servers", "false").lower() in ("true", "1"):
        view["servers"] = [
            {"name": f"instance-{server.id:08x}", "uuid": server.uuid}
            for server in cloud.servers_on(host.name)
        ]
    return Response(200, {"hypervisor": view})


def _view(cloud: Cloud, host: Host) -> dict[str, Any]:
    return {
        "id": host.uuid,
        "hypervisor_hostname": host.node,
        "state": "up" if cloud.is_up(host) else "down",
        "status": "disabled" if host.disabled else "enabled",
    }
