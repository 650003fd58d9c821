"""Nova's API of one server: show, rename, delete, metadata."""

from __future__ import annotations

from masakari_lite_simulator import actions, errors, views
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Server


def find(cloud: Cloud, request: Request) -> Server:
    """Return the server that a request names.

    :raises ApiError: 404 when there is none that the caller may see; 500 when its cell does not answer
    """
    server = _find_visible(cloud, request)
    if cloud.is_cell_down(server.host):
        raise errors.down_cell()
    return server


def _find_visible(cloud: Cloud, request: Request) -> Server:
    server = cloud.find_server(request.uuid or "")
    if not request.caller.is_admin and server.project != request.caller.project:
        raise errors.not_found("Instance", server.uuid)
    return server


def show_server(cloud: Cloud, request: Request) -> Response:
    """GET /servers/{id}."""
    server = _find_visible(cloud, request)
    if cloud.is_cell_down(server.host) and request.version >= (2, 69):
        if not server.has_request_spec:
            raise errors.not_found("Instance", server.uuid)
        return Response(200, {"server": views.down_server_view(request, server)})
    return shown(cloud, request, find(cloud, request), 200)


def shown(cloud: Cloud, request: Request, server: Server, status: int) -> Response:
    """Return a response with the server."""
    return Response(status, f'{{"server": {views.server_json(cloud, request, server)}}}')


def rename_server(cloud: Cloud, request: Request) -> Response:
    """PUT /servers/{id}: a new name, which Nova allows for a locked server too."""
    server = find(cloud, request)
    cloud.update(server, name=str(request.json.get("server", {}).get("name", server.name)))
    return shown(cloud, request, server, 200)


def delete_server(cloud: Cloud, request: Request) -> Response:
    """DELETE /servers/{id}."""
    actions.delete(cloud, find(cloud, request), request.caller)
    return Response(204)


def add_metadata(cloud: Cloud, request: Request) -> Response:
    """POST /servers/{id}/metadata."""
    metadata = request.json.get("metadata", {})
    return Response(
        200, {"metadata": actions.set_metadata(cloud, find(cloud, request), request.caller, metadata)}
    )
