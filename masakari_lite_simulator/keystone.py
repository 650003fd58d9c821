"""Keystone's v3 API, as far as a service user's session needs it."""

from __future__ import annotations

from typing import Any

from masakari_lite_simulator import errors
from masakari_lite_simulator.clock import isoformat_micro
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import SYSTEM, Project, Token, User

REGION = "RegionOne"


def kind_of(request: Request) -> str:
    """Return the kind of a request to Keystone."""
    if request.path.rstrip("/") == "/identity/v3/auth/tokens":
        kinds = {"POST": "token.create", "GET": "token.show", "HEAD": "token.show", "DELETE": "token.revoke"}
        return kinds.get(request.method, "unknown")
    return "version.show"


def handle(cloud: Cloud, request: Request) -> Response:
    """Answer a request to Keystone.

    :raises ApiError: when it is refused
    """
    path = request.path.rstrip("/")
    if path == "/identity":
        return Response(300, {"versions": {"values": [_version(request)]}})
    if path == "/identity/v3":
        return Response(200, {"version": _version(request)})
    if path == "/identity/v3/auth/tokens":
        return _tokens(cloud, request)
    raise errors.KeystoneError(404, "The resource could not be found.")


def _version(request: Request) -> dict[str, Any]:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": request.url_of("/identity/v3/")}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _tokens(cloud: Cloud, request: Request) -> Response:
    if request.method == "POST":
        return _authenticate(cloud, request)
    caller = cloud.identity.validate(request.headers.get("x-auth-token"), cloud.now)
    request.user = caller.user.name
    subject = request.headers.get("x-subject-token", "")
    try:
        token = cloud.identity.validate(subject, cloud.now)
    except errors.ApiError:
        raise errors.KeystoneError(404, "Could not recognize Fernet token") from None
    if request.method == "DELETE":
        cloud.identity.revoke(subject)
        return Response(204)
    return Response(200, _token_body(cloud, request, token), {"X-Subject-Token": token.id})


def _authenticate(cloud: Cloud, request: Request) -> Response:
    try:
        auth = request.json["auth"]
        method = auth["identity"]["methods"][0]
        request.user = _claimed_user(cloud, auth)
        user, project = _CHECKS[method](cloud, auth)
    except (KeyError, TypeError, IndexError) as error:
        raise errors.KeystoneError(400, f"Expecting to find {error} in the request.") from error
    request.user = user.name
    token = cloud.identity.issue(user, project, cloud.now, cloud.keystone_now())
    return Response(201, _token_body(cloud, request, token), {"X-Subject-Token": token.id})


def _claimed_user(cloud: Cloud, auth: dict[str, Any]) -> str | None:
    """Return the user that a request names, so that a refused password is counted for that user too."""
    given = auth["identity"].get("password", {}).get("user", {})
    user = cloud.identity.user_by(str(given.get("name") or given.get("id")))
    return user.name if user else None


def _check_password(cloud: Cloud, auth: dict[str, Any]) -> tuple[User, Project]:
    given = auth["identity"]["password"]["user"]
    user = cloud.identity.user_by(given.get("id") or given["name"])
    if user is None or user.password != given["password"] or not _is_domain(cloud, given.get("domain")):
        raise errors.unauthorized()
    # Keystone also issues unscoped tokens, which no service accepts; here they get the user's only project
    scope = auth.get("scope", {})
    if isinstance(scope, dict) and "system" in scope:
        return user, SYSTEM
    wanted = scope["project"] if isinstance(scope, dict) and "project" in scope else {}
    if not _is_domain(cloud, wanted.get("domain")):
        raise errors.unauthorized()
    if wanted and wanted.get("id", user.project.id) != user.project.id:
        raise errors.unauthorized()
    if wanted and wanted.get("name", user.project.name) != user.project.name:
        raise errors.unauthorized()
    return user, user.project


def _is_domain(cloud: Cloud, given: dict[str, Any] | None) -> bool:
    """Return True when the domain is named by its id or name, or not named, as with a user's id."""
    return not given or any(cloud.identity.domain[key] == value for key, value in given.items())


def _check_application_credential(cloud: Cloud, auth: dict[str, Any]) -> tuple[User, Project]:
    given = auth["identity"]["application_credential"]
    for name, (credential_id, secret, user) in cloud.identity.credentials.items():
        owner = given.get("user", {})
        named = given.get("name") == name and user.name == owner.get("name", user.name)
        if (given.get("id") == credential_id or named) and given["secret"] == secret:
            return user, user.project
    raise errors.unauthorized()


_CHECKS = {"password": _check_password, "application_credential": _check_application_credential}


def _token_body(cloud: Cloud, request: Request, token: Token) -> dict[str, Any]:
    domain = cloud.identity.domain
    project = {"domain": domain, "id": token.project.id, "name": token.project.name}
    scope = {"system": {"all": True}} if token.is_for_system else {"project": project, "is_domain": False}
    return {
        "token": {
            "methods": ["password"],
            "user": {
                "domain": domain,
                "id": token.user.id,
                "name": token.user.name,
                "password_expires_at": None,
            },
            "audit_ids": [token.id[-22:]],
            "expires_at": isoformat_micro(token.expires_at) + "Z",
            "issued_at": isoformat_micro(token.issued_at) + "Z",
            **scope,
            "roles": [{"id": f"{role:0<32}", "name": role} for role in token.user.roles],
            "catalog": _catalog(cloud, request, token),
        }
    }


def _catalog(cloud: Cloud, request: Request, token: Token) -> list[dict[str, Any]]:
    """List the services; an endpoint with a project in it is not in the catalog of a token without one."""
    found = [_service("identity", "keystone", f"{request.base_url}/identity/v3")]
    compute = cloud.options.compute_endpoint
    if "{project_id}" not in compute or not token.is_for_system:
        url = compute.format(base=request.base_url, project_id=token.project.id)
        found.append(_service("compute", "nova", url))
    return found


def _service(service_type: str, name: str, url: str) -> dict[str, Any]:
    endpoints = [
        {
            "id": f"{service_type}-{interface}",
            "interface": interface,
            "region": REGION,
            "region_id": REGION,
            "url": url,
        }
        for interface in ("public", "internal", "admin")
    ]
    return {"id": f"service-{service_type}", "type": service_type, "name": name, "endpoints": endpoints}
