"""Nova's os-services."""

from __future__ import annotations

import uuid
from typing import Any

from masakari_lite_simulator import errors, views
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Host

TRUE = frozenset({"true", "1", "on", "yes"})
FALSE = frozenset({"false", "0", "off", "no"})


def list_services(cloud: Cloud, request: Request) -> Response:
    """GET /os-services."""
    request.require_admin("os_compute_api:os-services:list")
    wanted = request.parameters
    hosts = [
        host
        for host in cloud.hosts.values()
        if wanted.get("host") in (None, "", host.name) and wanted.get("binary") in (None, "", "nova-compute")
    ]
    services = [
        views.service_view(cloud, request, host) for host in hosts if not cloud.is_cell_down(host.name)
    ]
    if request.version >= (2, 69):
        services += [views.down_service_view(host) for host in hosts if cloud.is_cell_down(host.name)]
    if wanted.get("binary") in (None, "", "nova-scheduler") and not wanted.get("host"):
        services.append(views.scheduler_view(cloud, request))
    return Response(200, {"services": services})


def update_service(cloud: Cloud, request: Request) -> Response:
    """PUT /os-services/{uuid}, from microversion 2.53; before, by host and binary."""
    if request.version < (2, 53):
        return _update_by_host(cloud, request)
    body = request.json
    _check_service_body(body)
    service_id = request.uuid or ""
    if not _is_uuid(service_id):
        raise errors.bad_request(f"Invalid uuid {service_id}")
    request.require_admin("os_compute_api:os-services:update")
    host = next((host for host in cloud.hosts.values() if host.uuid == service_id), None)
    cloud.require_cells_up_to(host.cell if host else None)
    if host is None:
        raise errors.not_found("Service", service_id)
    delay = _apply(cloud, host, body)
    return Response(200, {"service": views.service_view(cloud, request, host)}, delay=delay)


def _update_by_host(cloud: Cloud, request: Request) -> Response:
    """PUT /os-services/enable, disable, disable-log-reason or force-down."""
    given = request.json
    for name in ("host", "binary"):
        if name not in given:
            raise errors.bad_request(f"'{name}' is a required property")
    _check_disabled_reason(given.get("disabled_reason"))
    change = _CHANGES_BY_HOST.get(request.uuid or "")
    if change is None:
        raise errors.ApiError(404, "Unknown action")
    host = cloud.hosts.get(given["host"])
    request.uuid = host.uuid if host else None  # the log of requests has the service that it is about
    request.require_admin("os_compute_api:os-services:update")
    if host is None:
        raise errors.ApiError(404, f"Host '{given['host']}' is not mapped to any cell")
    if cloud.is_cell_down(host.name):
        raise errors.down_cell()
    body = change | {name: given[name] for name in ("disabled_reason", "forced_down") if name in given}
    delay = _apply(cloud, host, body)
    return Response(200, {"service": {"host": host.name, "binary": given["binary"], **body}}, delay=delay)


_CHANGES_BY_HOST: dict[str, dict[str, Any]] = {
    "enable": {"status": "enabled"},
    "disable": {"status": "disabled"},
    "disable-log-reason": {"status": "disabled"},
    "force-down": {},
}


def _check_service_body(body: dict[str, Any]) -> None:
    for name in body:
        if name not in ("status", "disabled_reason", "forced_down"):
            raise errors.bad_request(f"Additional properties are not allowed ('{name}' was unexpected)")
    if "status" in body and body["status"] not in ("enabled", "disabled"):
        wrong = body["status"]
        raise errors.invalid_field("status", wrong, f"'{wrong}' is not one of ['enabled', 'disabled']")
    _check_disabled_reason(body.get("disabled_reason"))
    if "forced_down" in body and str(body["forced_down"]).lower() not in TRUE | FALSE:
        wrong = body["forced_down"]
        raise errors.invalid_field("forced_down", wrong, f"'{wrong}' is not a boolean")


def _check_disabled_reason(reason: Any) -> None:
    if reason == "":
        raise errors.invalid_field("disabled_reason", reason, "'' should be non-empty")
    if reason is not None and len(reason) > 255:
        raise errors.invalid_field("disabled_reason", reason, f"'{reason}' is too long")


def _apply(cloud: Cloud, host: Host, body: dict[str, Any]) -> float:
    """Change a service; return for how many seconds that keeps the caller waiting."""
    if not body.keys() & {"status", "forced_down"}:
        raise errors.bad_request(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified."
        )
    enable = body.get("status") == "enabled"
    if enable and body.get("disabled_reason"):
        raise errors.bad_request("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    if "forced_down" in body:
        # one save for both: the compute of a service forced down in the same request is not called
        cloud.force_down(host.name, str(body["forced_down"]).lower() in TRUE)
    if enable:
        return cloud.enable(host.name)
    if "status" in body:
        return cloud.disable(host.name, body.get("disabled_reason"))
    return 0.0


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
