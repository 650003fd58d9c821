"""A user of the cloud who speaks plain HTTP: a test shows what goes over the wire, no library in between."""

import dataclasses
import json
import time
from typing import Any

import requests

VERSION = "2.94"

JsonDict = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Account:
    """Who somebody is to Keystone."""

    username: str
    password: str
    project: str


@dataclasses.dataclass(frozen=True)
class Answer:
    """What Nova answered, and after how many seconds."""

    status: int
    text: str
    headers: Any
    seconds: float

    @property
    def body(self) -> Any:
        return json.loads(self.text)

    @property
    def refusal(self) -> tuple[int, str]:
        """The status and the text of an error, whose status stands in the body a second time."""
        ((_name, error),) = self.body.items()
        assert error["code"] == self.status
        return self.status, error["message"]


class Client:
    """One user's session with Nova."""

    def __init__(self, auth_url: str, account: Account) -> None:
        self.account = account
        self._http = requests.Session()
        self._http.trust_env = False
        self.token, issued = self._authenticate(auth_url)
        self.user_id = issued["user"]["id"]
        self.project_id = issued["project"]["id"]
        self.url = next(
            endpoint["url"]
            for service in issued["catalog"]
            if service["type"] == "compute"
            for endpoint in service["endpoints"]
            if endpoint["interface"] == "public"
        )

    def _authenticate(self, auth_url: str) -> tuple[str, JsonDict]:
        domain = {"name": "Default"}
        user = {"name": self.account.username, "password": self.account.password, "domain": domain}
        scope = {"project": {"name": self.account.project, "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = self._http.post(
            f"{auth_url}/auth/tokens", json={"auth": {"identity": identity, "scope": scope}}, timeout=60
        )
        assert answer.status_code == 201, answer.text
        return answer.headers["X-Subject-Token"], answer.json()["token"]

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: str | None = VERSION,
        query: JsonDict | None = None,
        headers: JsonDict | None = None,
        timeout: float = 90,
    ) -> Answer:
        """Send a request; ``path`` may be a whole URL."""
        said = {"X-Auth-Token": self.token, "Accept": "application/json"}
        if version:
            said["OpenStack-API-Version"] = f"compute {version}"
        url = path if path.startswith("http") else self.url + path
        began = time.monotonic()
        answer = self._http.request(
            method, url, json=body, params=query, headers=said | (headers or {}), timeout=timeout
        )
        return Answer(answer.status_code, answer.text, answer.headers, time.monotonic() - began)

    def get(self, path: str, version: str = VERSION, **query: Any) -> Any:
        """Fetch something; the query's ``changes_since`` and the like have hyphens on the wire."""
        hyphenated = {name.replace("changes_", "changes-"): value for name, value in query.items()}
        answer = self.send("GET", path, version=version, query=hyphenated)
        assert answer.status == 200, answer.text
        return answer.body

    def act(self, server: str, action: str, value: Any = None, version: str = VERSION) -> Answer:
        """Ask for an action on a server."""
        return self.send("POST", f"/servers/{server}/action", {action: value}, version=version)

    def evacuate(self, server: str, version: str = VERSION, **given: Any) -> None:
        """Evacuate a server; Nova must accept it."""
        answer = self.act(server, "evacuate", given, version)
        assert answer.status == 200, answer.text

    def server(self, server: str, version: str = VERSION) -> JsonDict:
        found: JsonDict = self.get(f"/servers/{server}", version)["server"]
        return found

    def servers(self, version: str = VERSION, **query: Any) -> list[JsonDict]:
        found: list[JsonDict] = self.get("/servers/detail", version, **query)["servers"]
        return found

    def migrations(self, version: str = VERSION, **query: Any) -> list[JsonDict]:
        found: list[JsonDict] = self.get("/os-migrations", version, **query)["migrations"]
        return found

    def evacuations(self, server: str) -> list[JsonDict]:
        """List a server's evacuation records, the newest first."""
        return self.migrations(instance_uuid=server, migration_type="evacuation")

    def service(self, host: str, version: str = VERSION) -> JsonDict:
        (found,) = self.get("/os-services", version, host=host, binary="nova-compute")["services"]
        return dict(found)

    def update_service(self, service_host: str, /, timeout: float = 90, **changes: Any) -> Answer:
        """Change a host's compute service."""
        uuid = self.service(service_host)["id"]
        return self.send("PUT", f"/os-services/{uuid}", changes, timeout=timeout)


def states(server: JsonDict) -> tuple[str, str, int, str | None]:
    """Return vm_state, status, power_state and task_state."""
    return (
        server["OS-EXT-STS:vm_state"],
        server["status"],
        server["OS-EXT-STS:power_state"],
        server["OS-EXT-STS:task_state"],
    )


def host_of(server: JsonDict) -> str:
    """Return where an admin sees that server."""
    return str(server["OS-EXT-SRV-ATTR:host"])
