"""Nova's API: versions, tokens, and which route answers a request."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from masakari_lite.simulator import errors, servers_api, services_api
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.http import Request, Response, Version

Route = Callable[[Cloud, Request], Response]

MINIMUM: Version = (2, 1)

# (method, path below /compute/v2.1 with * for a uuid): the kind of request, and what answers it
ROUTES: dict[tuple[str, str], tuple[str, Route]] = {
    ("GET", "servers"): ("server.list", servers_api.list_servers),
    ("GET", "servers/detail"): ("server.list", servers_api.list_servers),
    ("GET", "servers/*"): ("server.show", servers_api.show_server),
    ("PUT", "servers/*"): ("server.update", servers_api.rename_server),
    ("DELETE", "servers/*"): ("server.delete", servers_api.delete_server),
    ("POST", "servers/*/metadata"): ("server.metadata", servers_api.add_metadata),
    ("POST", "servers/*/action"): ("server.action", servers_api.act),
    ("GET", "os-services"): ("service.list", services_api.list_services),
    ("PUT", "os-services/*"): ("service.update", services_api.update_service),
    ("GET", "os-migrations"): ("migration.list", services_api.list_migrations),
}


def find_route(request: Request) -> Route:
    """Return what answers a request; note the request's kind and the uuid it is about."""
    path = request.path.removeprefix("/compute").strip("/")
    if path in ("", "v2.1"):
        request.kind = "version.show"
        return _show_all_versions if path == "" else _show_version
    parts = path.removeprefix("v2.1/").split("/")
    key = "/".join(parts)
    if (request.method, key) not in ROUTES and len(parts) > 1:
        request.uuid = parts[1]
        key = "/".join([parts[0], "*", *parts[2:]])
    request.kind, route = ROUTES.get((request.method, key), ("unknown", _no_such_path))
    if request.kind == "server.action":
        request.kind = _action_kind(request)
    return route


def _action_kind(request: Request) -> str:
    try:
        return servers_api.ACTION_KINDS.get(next(iter(request.json), ""), "server.action")
    except errors.ApiError:
        return "server.action"


def handle(cloud: Cloud, request: Request, route: Route) -> Response:
    """Answer a request to Nova: version, token, route.

    :raises ApiError: when it is refused
    """
    if request.kind == "version.show":
        return route(cloud, request)
    request.token = cloud.identity.validate(request.headers.get("x-auth-token"), cloud.now)
    request.user = request.token.user.name
    request.version = negotiate(cloud, request)
    return route(cloud, request)


def negotiate(cloud: Cloud, request: Request) -> Version:
    """Return the microversion that a request asks for; 2.1 when it asks for none.

    :raises ApiError: 400 for what is no version, 406 for one that is not offered
    """
    text = _requested(request)
    maximum = _parse(cloud.options.max_microversion)
    if text is None:
        return MINIMUM
    if text == "latest":
        return maximum
    if not re.fullmatch(r"\d+\.\d+", text):
        raise errors.bad_request(
            f"API Version String {text} is of invalid format. Must be of format MajorNum.MinorNum."
        )
    version = _parse(text)
    if not MINIMUM <= version <= maximum:
        raise errors.ApiError(
            406,
            f"Version {text} is not supported by the API. "
            f"Minimum is 2.1 and maximum is {cloud.options.max_microversion}.",
        )
    return version


def _requested(request: Request) -> str | None:
    for entry in request.headers.get("openstack-api-version", "").split(","):
        service, _space, version = entry.strip().partition(" ")
        if service.lower() == "compute" and version:
            return version.strip()
    return request.headers.get("x-openstack-nova-api-version")


def _parse(text: str) -> Version:
    major, _dot, minor = text.partition(".")
    return int(major), int(minor)


def version_headers(request: Request) -> dict[str, str]:
    """Return the headers that say which microversion an answer is in."""
    text = f"{request.version[0]}.{request.version[1]}"
    return {
        "OpenStack-API-Version": f"compute {text}",
        "X-OpenStack-Nova-API-Version": text,
        "Vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
    }


def _no_such_path(_cloud: Cloud, _request: Request) -> Response:
    return Response(
        404, "404 Not Found\n\nThe resource could not be found.\n", {"Content-Type": "text/plain"}
    )


def _show_all_versions(cloud: Cloud, request: Request) -> Response:
    old = {
        "id": "v2.0",
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2025-07-04T12:00:00Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/compute/v2/"}],
    }
    return Response(200, {"versions": [old, _version(cloud, request)]})


def _show_version(cloud: Cloud, request: Request) -> Response:
    media = {"base": "application/json", "type": "application/vnd.openstack.compute+json;version=2.1"}
    return Response(200, {"version": {**_version(cloud, request), "media-types": [media]}})


def _version(cloud: Cloud, request: Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": cloud.options.max_microversion,
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": f"{request.base_url}/compute/v2.1/"}],
    }
