"""Nova's servers: lists, single ones, and the actions on them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from masakari_lite.simulator import actions, errors, evacuation, listing, views
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.http import Request, Response, Version
from masakari_lite.simulator.models import Server

Action = Callable[[Cloud, Request, Server, Any], Response]

# Named by what a request's body holds: kind of request, for the log and for faults.
ACTION_KINDS = {
    "evacuate": "server.evacuate",
    "lock": "server.lock",
    "unlock": "server.unlock",
    "os-stop": "server.stop",
    "os-start": "server.start",
    "reboot": "server.reboot",
    "rebuild": "server.rebuild",
    "os-resetState": "server.reset_state",
    "createBackup": "server.backup",
    "pause": "server.pause",
    "unpause": "server.unpause",
    "suspend": "server.suspend",
    "resume": "server.resume",
}


TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


def list_servers(cloud: Cloud, request: Request) -> Response:
    """GET /servers/detail, newest first."""
    wanted = request.parameters
    all_tenants = wanted.get("all_tenants", "0").lower() not in ("0", "false", "")
    if all_tenants:
        request.require_admin("os_compute_api:servers:detail:get_all_tenants")
    since = listing.moment(request, "changes-since")
    found = [
        server
        for server in cloud.servers.values()
        if (all_tenants or server.project == request.caller.project) and _is_wanted(request, server, since)
    ]
    found.sort(key=lambda server: (-server.created, server.uuid))
    servers, following = listing.page(
        request, found, lambda server: server.uuid, "marker [{}] not found", cloud.options.max_limit
    )
    texts = [views.server_json(cloud, request, server) for server in servers]
    links = ""
    if following:
        href = f"{request.base_url}{request.path}?{following}"
        links = f', "servers_links": [{{"rel": "next", "href": "{href}"}}]'
    return Response(200, f'{{"servers": [{", ".join(texts)}]{links}}}')


def _is_wanted(request: Request, server: Server, since: float | None) -> bool:
    if not _is_old_or_new_enough(request, server, since):
        return False
    wanted = request.parameters
    # what a normal user may not see it may not search for: Nova ignores these filters then
    if request.caller.is_admin and wanted.get("host", server.host) != server.host:
        return False
    if wanted.get("uuid", server.uuid) != server.uuid:
        return False
    if wanted.get("vm_state", server.vm_state) != server.vm_state:
        return False
    if "status" in wanted and wanted["status"].upper() != views.status(server):
        return False
    if request.caller.is_admin and wanted.get("tenant_id", server.project.id) != server.project.id:
        return False
    return "name" not in wanted or re.search(wanted["name"], server.name) is not None


def _is_old_or_new_enough(request: Request, server: Server, since: float | None) -> bool:
    """Tell whether a server changed since then and, deleted or not, belongs into the list."""
    if since is not None and server.updated < since:
        return False
    # without changes-since, which has both, they are left out; a normal user cannot say otherwise
    wanted = request.parameters.get("deleted") if request.caller.is_admin or since is not None else None
    if wanted is None:
        return since is not None or not server.deleted
    return server.deleted == (wanted.lower() in TRUE)


def find(cloud: Cloud, request: Request) -> Server:
    """Return the server that a request is about.

    :raises ApiError: 404 when there is none that the caller may see
    """
    server = cloud.find_server(request.uuid or "")
    if not request.caller.is_admin and server.project != request.caller.project:
        raise errors.not_found("Instance", server.uuid)
    return server


def show_server(cloud: Cloud, request: Request) -> Response:
    """GET /servers/{id}."""
    return _shown(cloud, request, find(cloud, request), 200)


def _shown(cloud: Cloud, request: Request, server: Server, status: int) -> Response:
    return Response(status, f'{{"server": {views.server_json(cloud, request, server)}}}')


def rename_server(cloud: Cloud, request: Request) -> Response:
    """PUT /servers/{id}: a new name, which passes a lock."""
    server = find(cloud, request)
    cloud.update(server, name=str(request.json.get("server", {}).get("name", server.name)))
    return _shown(cloud, request, server, 200)


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


def act(cloud: Cloud, request: Request) -> Response:
    """POST /servers/{id}/action: check the body, then the server, then do what the body names."""
    if len(request.json) != 1:
        raise errors.bad_request("Malformed request body")
    name = next(iter(request.json))
    action = ACTIONS.get(name)
    if action is None:
        raise errors.bad_request(f"There is no such action: {name}")
    given = request.json[name]
    if name in NEED_OBJECTS and not isinstance(given, dict):
        raise errors.invalid_field(name, given, f"{given!r} is not of type 'object'")
    check = BODY_CHECKS.get(name)
    if check is not None:
        check(request.version, given)
    return action(cloud, request, find(cloud, request), given)


def _check_evacuate(version: Version, given: dict[str, Any]) -> None:
    allowed = {"host", "adminPass"}
    # 2.14 took onSharedStorage away; force was there from 2.29 to 2.67
    if version < (2, 14):
        allowed.add("onSharedStorage")
        if "onSharedStorage" not in given:
            raise errors.invalid_field("evacuate", given, "'onSharedStorage' is a required property")
    if (2, 29) <= version < (2, 68):
        allowed.add("force")
    for name in given:
        if name not in allowed:
            raise errors.invalid_field(
                "evacuate", given, f"Additional properties are not allowed ('{name}' was unexpected)"
            )


def _check_lock(version: Version, given: Any) -> None:
    # before 2.73 Nova's schema takes anything, and the reason is dropped
    if version < (2, 73) or given is None:
        return
    if not isinstance(given, dict):
        raise errors.invalid_field("lock", given, f"{given!r} is not of type 'object', 'null'")
    reason = given.get("locked_reason", "given")
    if not reason:
        raise errors.invalid_field("locked_reason", "", "'' should be non-empty")
    if len(reason) > 255:
        raise errors.invalid_field("locked_reason", reason, f"'{reason}' is too long")


def _check_reset_state(_version: Version, given: Any) -> None:
    state = given.get("state")
    if state not in ("active", "error"):
        raise errors.invalid_field("state", state, f"'{state}' is not one of ['active', 'error']")


def _check_rebuild(_version: Version, given: Any) -> None:
    if "imageRef" not in given:
        raise errors.invalid_field("rebuild", given, "'imageRef' is a required property")


NEED_OBJECTS = frozenset({"evacuate", "os-resetState", "reboot", "rebuild", "createBackup"})
BODY_CHECKS: dict[str, Callable[[Version, Any], None]] = {
    "evacuate": _check_evacuate,
    "lock": _check_lock,
    "os-resetState": _check_reset_state,
    "rebuild": _check_rebuild,
}


def _evacuate(cloud: Cloud, request: Request, server: Server, given: dict[str, Any]) -> Response:
    request.require_admin("os_compute_api:os-evacuate")
    if given.get("force") and not given.get("host"):
        raise errors.bad_request("Can't force to a non-provided destination")
    host = given.get("host")
    evacuation.evacuate(
        cloud,
        server,
        host,
        stop_after=request.version >= (2, 95),
        is_forced=host is not None and (request.version < (2, 29) or bool(given.get("force"))),
        is_on_shared_storage=bool(given.get("onSharedStorage")),
        caller=request.caller.user,
    )
    # 200, not 202; the password is shown only before 2.14
    return Response(200, {"adminPass": "simulated"} if request.version < (2, 14) else None)


def _lock(cloud: Cloud, request: Request, server: Server, given: Any) -> Response:
    reason = given.get("locked_reason") if given and request.version >= (2, 73) else None
    actions.lock(cloud, server, request.caller, reason)
    return Response(202)


def _unlock(cloud: Cloud, request: Request, server: Server, _given: Any) -> Response:
    actions.unlock(cloud, server, request.caller)
    return Response(202)


def _reset_state(cloud: Cloud, request: Request, server: Server, given: dict[str, str]) -> Response:
    request.require_admin("os_compute_api:os-admin-actions:reset_state")
    actions.reset_state(cloud, server, given["state"])
    return Response(202)


def _reboot(cloud: Cloud, request: Request, server: Server, given: dict[str, str]) -> Response:
    actions.reboot(cloud, server, request.caller, hard=given.get("type", "SOFT").upper() == "HARD")
    return Response(202)


def _rebuild(cloud: Cloud, request: Request, server: Server, _given: Any) -> Response:
    actions.change_power(cloud, "rebuild", server, request.caller)
    return _shown(cloud, request, server, 202)


def _change_power(name: str) -> Action:
    def change(cloud: Cloud, request: Request, server: Server, _given: Any) -> Response:
        actions.change_power(cloud, name, server, request.caller)
        return Response(202)

    return change


ACTIONS: dict[str, Action] = {
    "evacuate": _evacuate,
    "lock": _lock,
    "unlock": _unlock,
    "os-resetState": _reset_state,
    "reboot": _reboot,
    "rebuild": _rebuild,
    "os-stop": _change_power("stop"),
    "os-start": _change_power("start"),
    "createBackup": _change_power("createBackup"),
    "pause": _change_power("pause"),
    "unpause": _change_power("unpause"),
    "suspend": _change_power("suspend"),
    "resume": _change_power("resume"),
}
