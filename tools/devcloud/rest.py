"""Requests to the cloud's services as one of its users."""

import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from tools.devcloud.errors import DevcloudError, RequestError
from tools.devcloud.settings import Settings

NOVA_VERSION = "2.90"
PROJECTS = {"admin": "admin", "masakari": "service", "demo": "demo"}
_MICROVERSIONS = {"nova": "compute", "placement": "placement"}
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Client:
    """A user of the cloud; may be shared by threads."""

    def __init__(self, settings: Settings, user: str) -> None:
        self._settings = settings
        self.user = user
        self._token = ""
        self._lock = threading.Lock()

    def nova(
        self, method: str, path: str, body: Any = None, *, version: str = NOVA_VERSION, **query: Any
    ) -> Any:
        """Send a request to Nova, at a microversion; returns the decoded answer.

        :param query: the query string; a list repeats its name
        :raises RequestError: when Nova answers with an error
        """
        return self.request("nova", method, path, body, version=version, **query)

    def action(self, server: str, name: str, value: Any = None, *, version: str = NOVA_VERSION) -> Any:
        """Ask Nova for an action on a server: ``os-stop``, ``lock``, ``evacuate`` ...

        :raises RequestError: when Nova refuses
        """
        return self.nova("POST", f"/servers/{server}/action", {name: value}, version=version)

    def request(
        self, service: str, method: str, path: str, body: Any = None, *, version: str = "", **query: Any
    ) -> Any:
        """Send a request to a service: nova, placement, glance, neutron or keystone.

        :param body: what becomes JSON, or bytes that are sent as they are
        :raises RequestError: when it answers with an error
        """
        headers = {"X-Auth-Token": self.token(), "Accept": "application/json", "User-Agent": "devcloud"}
        if version:
            headers["OpenStack-API-Version"] = f"{_MICROVERSIONS[service]} {version}"
        base = self._settings.auth_url if service == "keystone" else self._settings.endpoint(service)
        suffix = "?" + urllib.parse.urlencode(query, doseq=True) if query else ""
        return _send(method, base + path + suffix, body, headers)[0]

    def token(self) -> str:
        """Return a token of the user's; one is used until the program ends.

        :raises RequestError: when Keystone refuses one
        """
        with self._lock:
            if not self._token:
                url = self._settings.auth_url + "/auth/tokens"
                headers = _send("POST", url, {"auth": self._credentials()}, {})[1]
                self._token = headers["X-Subject-Token"]
            return self._token

    def _credentials(self) -> dict[str, Any]:
        domain = {"id": "default"}
        user = {"name": self.user, "password": self._settings.password, "domain": domain}
        project = {"name": PROJECTS[self.user], "domain": domain}
        return {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }


def _send(method: str, url: str, body: Any, headers: dict[str, str]) -> tuple[Any, Any]:
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers | {"Content-Type": kind}, method=method)
    try:
        with _OPENER.open(request, timeout=180) as answer:
            text = answer.read()
            return (json.loads(text) if text else None), answer.headers
    except urllib.error.HTTPError as error:
        with error:
            raise RequestError(method, url, error.code, error.read().decode(errors="replace")) from error
    except OSError as error:
        raise DevcloudError(f"{method} {url}: {error}") from error
