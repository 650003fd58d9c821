"""Nova's list of servers: filters, pages, and the servers of cells that do not answer."""

from __future__ import annotations

import json
import re
from typing import Any

from masakari_lite_simulator import listing, views
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Server

ALL_FILTERS = "os_compute_api:servers:allow_all_filters"
TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


def list_servers(cloud: Cloud, request: Request) -> Response:
    """GET /servers/detail, or GET /servers, newest first."""
    wanted = request.parameters
    all_tenants = wanted.get("all_tenants", "0").lower() not in ("0", "false", "")
    if all_tenants:
        request.require_admin("os_compute_api:servers:detail:get_all_tenants")
    since = listing.parse_time(request, "changes-since")
    wanted_servers = [
        server
        for server in cloud.servers.values()
        if (all_tenants or server.project == request.caller.project)
        and _is_wanted(request, server, since)
        and not cloud.is_cell_down(server.host)
    ]
    wanted_servers.sort(key=lambda server: (-server.created, server.uuid))
    servers, following = listing.page(
        request, wanted_servers, lambda server: server.uuid, "marker [{}] not found", cloud.options.max_limit
    )
    texts = [json.dumps(view) for view in _view_in_down_cells(cloud, request)]
    if request.path.endswith("/detail"):
        texts += [views.server_json(cloud, request, server) for server in servers]
    else:
        texts += [json.dumps(views.short_server_view(request, server)) for server in servers]
    links = ""
    if following:
        href = f"{request.base_url}{request.path}?{following}"
        links = f', "servers_links": [{{"rel": "next", "href": "{href}"}}]'
    return Response(200, f'{{"servers": [{", ".join(texts)}]{links}}}')


def _view_in_down_cells(cloud: Cloud, request: Request) -> list[dict[str, Any]]:
    """Show the servers of cells that do not answer: only where nothing filters, sorts or pages the list."""
    if request.version < (2, 69) or set(request.parameters) - {"all_tenants"}:
        return []
    return [
        views.down_server_view(request, server)
        for server in cloud.servers.values()
        if cloud.is_cell_down(server.host)
        and not server.deleted
        and ("all_tenants" in request.parameters or server.project == request.caller.project)
    ]


def _is_wanted(request: Request, server: Server, since: float | None) -> bool:
    if not _is_in_time_range(request, server, since):
        return False
    wanted = request.parameters
    # Nova ignores filters on fields that the caller may not see
    if request.may(ALL_FILTERS) and wanted.get("host", server.host) != server.host:
        return False
    if wanted.get("uuid", server.uuid) != server.uuid:
        return False
    if wanted.get("vm_state", server.vm_state) != server.vm_state:
        return False
    if "status" in wanted and wanted["status"].upper() != views.status(server):
        return False
    if request.caller.is_admin and wanted.get("tenant_id", server.project.id) != server.project.id:
        return False
    locked = wanted.get("locked") if request.version >= (2, 73) else None
    if locked is not None and (locked.lower() in TRUE) != server.locked:
        return False
    return "name" not in wanted or re.search(wanted["name"], server.name) is not None


def _is_in_time_range(request: Request, server: Server, since: float | None) -> bool:
    """Return True when the server has changed since then, and deleted ones are wanted if it is deleted."""
    if since is not None and server.updated < since:
        return False
    # deleted ones are listed only with changes-since, or when an admin asks for them
    wanted = request.parameters.get("deleted") if request.caller.is_admin or since is not None else None
    if wanted is None:
        return since is not None or not (server.deleted or server.vm_state == "soft-delete")
    return server.deleted == (wanted.lower() in TRUE)
