"""Nova's os-services and os-migrations."""

from __future__ import annotations

import uuid
from typing import Any

from masakari_lite.simulator import errors, listing, views
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.http import Request, Response
from masakari_lite.simulator.models import Host, Migration

TRUE = frozenset({"true", "1", "on", "yes"})
FALSE = frozenset({"false", "0", "off", "no"})

MIGRATION_FILTERS = {
    "migration_type": "migration_type",
    "source_compute": "source_compute",
    "instance_uuid": "instance_uuid",
    "status": "status",
    "user_id": "user_id",
    "project_id": "project_id",
}
MIGRATION_PARAMETERS = {"hidden", "host", "limit", "marker", "changes-since", *MIGRATION_FILTERS}
# parameters that came later
MIGRATION_PARAMETERS_SINCE = {"changes-before": (2, 66), "user_id": (2, 80), "project_id": (2, 80)}


def list_services(cloud: Cloud, request: Request) -> Response:
    """GET /os-services."""
    request.require_admin("os_compute_api:os-services:list")
    wanted = request.parameters
    services = [
        views.service_view(cloud, request, host)
        for host in cloud.hosts.values()
        if wanted.get("host") in (None, "", host.name) and wanted.get("binary") in (None, "", "nova-compute")
    ]
    return Response(200, {"services": services})


def update_service(cloud: Cloud, request: Request) -> Response:
    """PUT /os-services/{uuid}, from microversion 2.53; the older forms by host and binary are not offered."""
    if request.version < (2, 53):
        raise errors.bad_request("'host' is a required property")
    body = request.json
    _check_service_body(body)
    service_id = request.uuid or ""
    if not _is_uuid(service_id):
        raise errors.bad_request(f"Invalid uuid {service_id}")
    request.require_admin("os_compute_api:os-services:update")
    host = next((host for host in cloud.hosts.values() if host.uuid == service_id), None)
    if host is None:
        raise errors.not_found("Service", service_id)
    delay = _apply(cloud, host, body)
    return Response(200, {"service": views.service_view(cloud, request, host)}, delay=delay)


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
    """Change a service; return how long that keeps the caller waiting, in seconds."""
    if not body.keys() & {"status", "forced_down"}:
        raise errors.bad_request(
            "No updates were requested. Fields 'status' or 'forced_down' should be specified."
        )
    enable = body.get("status") == "enabled"
    if enable and body.get("disabled_reason"):
        raise errors.bad_request("Specifying 'disabled_reason' with status 'enabled' is invalid.")
    if "forced_down" in body:
        # one save for both: a service forced down in the same request is not asked any more
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


def list_migrations(cloud: Cloud, request: Request) -> Response:
    """GET /os-migrations, newest first; pages and changes-since from microversion 2.59."""
    request.require_admin("os_compute_api:os-migrations:index")
    paged = request.version >= (2, 59)
    since = None
    if paged:
        _check_migration_parameters(request)
        since = listing.moment(request, "changes-since")
    found = [record for record in reversed(cloud.visible_migrations()) if _is_wanted(request, record, since)]
    if not paged:
        return Response(200, {"migrations": [views.migration_view(request, record) for record in found]})
    records, following = listing.page(
        request, found, lambda record: record.uuid, "Marker {} could not be found.", cloud.options.max_limit
    )
    body: dict[str, Any] = {"migrations": [views.migration_view(request, record) for record in records]}
    if following:
        href = f"{request.base_url}/compute/v2.1/os-migrations?{following}"
        body["migrations_links"] = [{"rel": "next", "href": href}]
    return Response(200, body)


def _check_migration_parameters(request: Request) -> None:
    for name in request.parameters:
        known = name in MIGRATION_PARAMETERS or name in MIGRATION_PARAMETERS_SINCE
        if not known or request.version < MIGRATION_PARAMETERS_SINCE.get(name, (2, 59)):
            raise errors.bad_request(f"Additional properties are not allowed ('{name}' was unexpected)")


def _is_wanted(request: Request, record: Migration, since: float | None) -> bool:
    wanted = request.parameters
    for parameter, field in MIGRATION_FILTERS.items():
        if parameter == "source_compute" and "host" in wanted:
            continue  # host wins
        if parameter in wanted and wanted[parameter] != getattr(record, field):
            return False
    if "host" in wanted and wanted["host"] not in (record.source_compute, record.dest_compute):
        return False
    # in SQL a record that was never updated is not newer than anything: it is left out
    return since is None or (record.updated is not None and record.updated >= since)
