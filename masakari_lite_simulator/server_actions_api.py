"""Nova's actions on servers: POST /servers/{id}/action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from masakari_lite_simulator import actions, errors, evacuation, servers_api
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response, Version
from masakari_lite_simulator.models import Server

Action = Callable[[Cloud, Request, Server, Any], Response]

# name of the action in the request's body: kind of request, for the log and for faults
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


def act(cloud: Cloud, request: Request) -> Response:
    """POST /servers/{id}/action: check the body, then the server, then begin the action."""
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
    return action(cloud, request, servers_api.find(cloud, request), given)


def _check_evacuate(version: Version, given: dict[str, Any]) -> None:
    allowed = {"host", "adminPass"}
    # onSharedStorage was removed by 2.14, force was added by 2.29 and removed by 2.68
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
    # before 2.73 Nova's schema allows anything, and the reason is dropped
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
    return servers_api.shown(cloud, request, server, 202)


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
