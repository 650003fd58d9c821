"""Keystone's content: users, projects, roles and the catalog; and the files that let clients in."""

from typing import Any

from tools.devcloud.rest import PROJECTS, Client
from tools.devcloud.settings import REGION, Settings

_CATALOG = {"nova": "compute", "placement": "placement", "glance": "image", "neutron": "network"}
_DOMAIN = "default"


class Identity:
    """Brings Keystone's content up; what is there already stays."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client = Client(settings, "admin")  # made by keystone-manage bootstrap, with its project

    def bring_up(self) -> None:
        """Create what is missing.

        :raises RequestError: when Keystone refuses
        """
        roles = {name: self._ensure("role", name) for name in ("admin", "member", "service")}
        service = self._ensure("project", "service", domain_id=_DOMAIN)
        demo = self._ensure("project", "demo", domain_id=_DOMAIN)
        for name in _CATALOG:
            user = self._ensure_user(name)
            self._grant(user, service, roles["admin"])
            self._grant(user, service, roles["service"])
        self._grant(self._ensure_user("masakari"), service, roles["admin"])
        self._grant(self._ensure_user("demo"), demo, roles["member"])
        for name, kind in _CATALOG.items():
            self._ensure_endpoints(name, kind)

    def _ensure_user(self, name: str) -> str:
        return self._ensure("user", name, domain_id=_DOMAIN, password=self._settings.password)

    def _ensure(self, kind: str, name: str, **attributes: Any) -> str:
        found = self._client.request("keystone", "GET", f"/{kind}s", name=name)[f"{kind}s"]
        if not found:
            body = {kind: attributes | {"name": name}}
            found = [self._client.request("keystone", "POST", f"/{kind}s", body)[kind]]
        return str(found[0]["id"])

    def _grant(self, user: str, project: str, role: str) -> None:
        self._client.request("keystone", "PUT", f"/projects/{project}/users/{user}/roles/{role}")

    def _ensure_endpoints(self, name: str, kind: str) -> None:
        service = self._ensure("service", name, type=kind)
        url = self._settings.endpoint(name)
        found = self._client.request("keystone", "GET", "/endpoints", service_id=service)["endpoints"]
        have = {endpoint["interface"]: endpoint for endpoint in found}
        for interface in ("public", "internal"):
            endpoint = {"service_id": service, "interface": interface, "url": url, "region_id": REGION}
            if interface not in have:
                self._client.request("keystone", "POST", "/endpoints", {"endpoint": endpoint})
            elif have[interface]["url"] != url:
                path = f"/endpoints/{have[interface]['id']}"
                self._client.request("keystone", "PATCH", path, {"endpoint": {"url": url}})


def write_credentials(settings: Settings) -> None:
    """Write clouds.yaml with a cloud for each user, and an openrc file for each."""
    clouds = ["clouds:"]
    for user, project in PROJECTS.items():
        clouds += [
            f"  devcloud-{user}:",
            f"    region_name: {REGION}",
            "    identity_api_version: 3",
            "    auth:",
            *(f"      {name}: {value}" for name, value in _auth(settings, user, project).items()),
        ]
        _write(settings, f"openrc-{user}", _openrc(settings, user, project))
    _write(settings, "clouds.yaml", "\n".join(clouds) + "\n")


def _auth(settings: Settings, user: str, project: str) -> dict[str, str]:
    return {
        "auth_url": settings.auth_url,
        "username": user,
        "password": settings.password,
        "project_name": project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


def _openrc(settings: Settings, user: str, project: str) -> str:
    values = _auth(settings, user, project) | {"region_name": REGION, "identity_api_version": "3"}
    return "".join(f"export OS_{name.upper()}={value}\n" for name, value in values.items())


def _write(settings: Settings, name: str, text: str) -> None:
    path = settings.path(name)
    path.touch(mode=0o600)
    path.write_text(text)
