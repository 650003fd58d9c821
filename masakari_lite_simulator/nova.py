"""Nova's API: versions, tokens and routes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from masakari_lite_simulator import (
    errors,
    hypervisors_api,
    migrations_api,
    server_actions_api,
    server_list_api,
    servers_api,
    services_api,
)
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response, Version

Route = Callable[[Cloud, Request], Response]

MINIMUM: Version = (2, 1)

# (method, path below /compute/v2.1 with * for a uuid): the kind of request, and its handler
ROUTES: dict[tuple[str, str], tuple[str, Route]] = {
    ("GET", "servers"): ("server.list", server_list_api.list_servers),
    ("GET", "servers/detail"): ("server.list", server_list_api.list_servers),
    ("GET", "servers/*"): ("server.show", servers_api.show_server),
    ("PUT", "servers/*"): ("server.update", servers_api.rename_server),
    ("DELETE", "servers/*"): ("server.delete", servers_api.delete_server),
    ("POST", "servers/*/metadata"): ("server.metadata", servers_api.add_metadata),
    ("POST", "servers/*/action"): ("server.action", server_actions_api.act),
    ("GET", "os-services"): ("service.list", services_api.list_services),
    ("PUT", "os-services/*"): ("service.update", services_api.update_service),
    ("GET", "os-migrations"): ("migration.list", migrations_api.list_migrations),
    ("GET", "os-hypervisors"): ("hypervisor.list", hypervisors_api.list_hypervisors),
    ("GET", "os-hypervisors/*"): ("hypervisor.show", hypervisors_api.show_hypervisor),
}


def find_route(request: Request) -> Route:
    """Return the handler of a request; sets the request's kind and the uuid in its path."""
    version, *parts = request.path.removeprefix("/compute").strip("/").split("/")
    if parts and _PROJECT_ID.fullmatch(parts[0]):
        parts = parts[1:]
    if not parts or version not in ("v2.1", "v2"):
        request.kind = "version.show"
        return {"": _show_all_versions, "v2.1": _show_version, "v2": _show_old_version}.get(
            version, _show_choices
        )
    key = "/".join(parts)
    if (request.method, key) not in ROUTES and len(parts) > 1:
        request.uuid = parts[1]
        key = "/".join([parts[0], "*", *parts[2:]])
    request.kind, route = ROUTES.get((request.method, key), ("unknown", _no_such_path))
    if request.kind == "server.action":
        request.kind = _action_kind(request)
    return route


_PROJECT_ID = re.compile(r"[0-9a-f]{32}")


def _action_kind(request: Request) -> str:
    try:
        return server_actions_api.ACTION_KINDS.get(next(iter(request.json), ""), "server.action")
    except errors.ApiError:
        return "server.action"


def handle(cloud: Cloud, request: Request, route: Route) -> Response:
    """Answer a request to Nova: version, token, route.

    :raises ApiError: when it is refused
    """
    if request.kind == "version.show":
        return route(cloud, request)
    request.token = cloud.identity.validate(request.headers.get("x-auth-token"), cloud.now)
    if request.token.expires_at <= cloud.nova_now():  # Nova's middleware compares with Nova's own clock
        raise errors.unauthorized()
    request.user = request.token.user.name
    request.denied = cloud.options.denied_policies
    if not request.path.startswith("/compute/v2/"):  # which has no microversions
        request.version = negotiate(cloud, request)
    if request.token.is_for_system and cloud.options.enforce_scope:
        raise errors.policy_forbids(_RULES.get(request.kind, "os_compute_api:servers:show"))
    return route(cloud, request)


# policies that refuse a system-scoped token: those of the requests that the tests send
_RULES = {
    "service.list": "os_compute_api:os-services:list",
    "server.list": "os_compute_api:servers:index",
    "migration.list": "os_compute_api:os-migrations:index",
}


def negotiate(cloud: Cloud, request: Request) -> Version:
    """Return the microversion that a request asks for; 2.1 when it asks for none.

    :raises ApiError: 400 when it is not a version, 406 when it is not offered
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
    """Return the headers that name the microversion of a response."""
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
    return Response(200, {"versions": [_old_version(request), _version(cloud, request)]})


def _show_version(cloud: Cloud, request: Request) -> Response:
    return Response(200, {"version": {**_version(cloud, request), "media-types": [_media("2.1")]}})


def _show_old_version(_cloud: Cloud, request: Request) -> Response:
    return Response(200, {"version": {**_old_version(request), "media-types": [_media("2")]}})


def _show_choices(cloud: Cloud, request: Request) -> Response:
    """Answer a path without a version."""
    versions = (_old_version(request), _version(cloud, request))
    choices = [{key: version[key] for key in ("id", "status", "links")} for version in versions]
    return Response(300, {"choices": choices})


def _media(version: str) -> dict[str, str]:
    return {
        "base": "application/json",
        "type": f"application/vnd.openstack.compute+json;version={version}",
    }


def _old_version(request: Request) -> dict[str, Any]:
    return {
        "id": "v2.0",
        "status": "DEPRECATED",
        "version": "",
        "min_version": "",
        "updated": "2025-07-04T12:00:00Z",
        "links": [{"rel": "self", "href": request.url_of("/compute/v2/")}],
    }


def _version(cloud: Cloud, request: Request) -> dict[str, Any]:
    return {
        "id": "v2.1",
        "status": "CURRENT",
        "version": cloud.options.max_microversion,
        "min_version": "2.1",
        "updated": "2013-07-23T11:33:21Z",
        "links": [{"rel": "self", "href": request.url_of("/compute/v2.1/")}],
    }
