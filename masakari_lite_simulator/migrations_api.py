"""Nova's os-migrations."""

from __future__ import annotations

from typing import Any

from masakari_lite_simulator import errors, listing, views
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Migration

FILTERS = {
    "migration_type": "migration_type",
    "source_compute": "source_compute",
    "instance_uuid": "instance_uuid",
    "status": "status",
    "user_id": "user_id",
    "project_id": "project_id",
}
PARAMETERS = {"hidden", "host", "limit", "marker", "changes-since", *FILTERS}
# parameters that later microversions added
PARAMETERS_SINCE = {"changes-before": (2, 66), "user_id": (2, 80), "project_id": (2, 80)}


def list_migrations(cloud: Cloud, request: Request) -> Response:
    """GET /os-migrations, newest first; pages and changes-since from microversion 2.59."""
    request.require_admin("os_compute_api:os-migrations:index")
    paged = request.version >= (2, 59)
    since = None
    if paged:
        _check_parameters(request)
        since = listing.parse_time(request, "changes-since")
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


def _check_parameters(request: Request) -> None:
    for name in request.parameters:
        known = name in PARAMETERS or name in PARAMETERS_SINCE
        if not known or request.version < PARAMETERS_SINCE.get(name, (2, 59)):
            raise errors.bad_request(f"Additional properties are not allowed ('{name}' was unexpected)")


def _is_wanted(request: Request, record: Migration, since: float | None) -> bool:
    wanted = request.parameters
    for parameter, field in FILTERS.items():
        if parameter == "source_compute" and "host" in wanted:
            continue  # Nova ignores source_compute when there is a host
        if parameter in wanted and wanted[parameter] != getattr(record, field):
            return False
    if "host" in wanted and wanted["host"] not in (record.source_compute, record.dest_compute):
        return False
    # a record that was never updated has NULL there, which matches nothing in SQL
    return since is None or (record.updated is not None and record.updated >= since)
