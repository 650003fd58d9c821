"""The running cloud, for who tries the engine on it: servers, compute services, failures."""

import datetime
import os
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Self

from tools.devcloud import requestlog
from tools.devcloud.errors import DevcloudError, GaveUpError
from tools.devcloud.requestlog import Requests
from tools.devcloud.rest import PROJECTS, Client
from tools.devcloud.services import REQUEST_LOG, Services
from tools.devcloud.settings import REGION, Settings

JsonDict = dict[str, Any]

IMAGE = "tiny"
# name: MiB of memory. A host has 800000 MiB, of which Nova offers 799488: it has room for three huge ones
FLAVORS = {"nano": 64, "micro": 128, "huge": 200000}


class Cloud:
    """A cloud that ``devcloud.py up`` has brought up.

    :ivar admin: client of the admin, in project ``admin``
    :ivar masakari: client of the engine's user, with the admin role in project ``service``
    :ivar demo: client of a normal user, in project ``demo``
    :ivar builder: who creates servers in that project: the normal user himself, whom Nova's policy here lets
        say on which host
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.services = Services(settings)
        self.admin, self.masakari, self.demo = (
            Client(settings, name) for name in ("admin", "masakari", "demo")
        )
        self.builder = self.demo

    @classmethod
    def load(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Return the cloud in the state directory.

        :raises DevcloudError: when there is none
        """
        return cls(Settings.load(environment))

    @property
    def hosts(self) -> list[str]:
        """The compute hosts."""
        return self.settings.hosts

    @property
    def transport_url(self) -> str:
        """The message broker, for ``[DEFAULT] transport_url``."""
        return self.settings.transport_url

    @property
    def rpc_response_timeout(self) -> float:
        """For how many seconds Nova waits for an answer of its own services."""
        return self.settings.rpc_response_timeout

    def nova_options(self, user: str = "masakari") -> dict[str, str]:
        """Return how the engine logs in as a user: options of its ``[nova]``."""
        return {
            "auth_type": "password",
            "auth_url": self.settings.auth_url,
            "username": user,
            "password": self.settings.password,
            "project_name": PROJECTS[user],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            "region_name": REGION,
        }

    @property
    def journal_url(self) -> str:
        """An empty MariaDB database for the engine's journal, for ``[database] connection``."""
        return self.settings.database("masakari")

    def boot(
        self, count: int, host: str, flavor: str = "nano", metadata: JsonDict | None = None
    ) -> list[str]:
        """Create servers of the demo user's on a host, and wait until they are ACTIVE; returns their ids.

        :raises GaveUpError: when they don't become ACTIVE
        """
        server = {
            "name": f"{host}-{flavor}",
            "imageRef": self.image_id(),
            "flavorRef": self.flavor_id(flavor),
            "networks": "none",
            "host": host,
            "metadata": metadata or {},
            "min_count": count,
            "max_count": count,
            "return_reservation_id": True,
        }
        reservation = self.builder.nova("POST", "/servers", {"server": server})["reservation_id"]
        self.wait_for(
            lambda: self._are_active(reservation, count), f"{count} ACTIVE servers", 60 + 6 * count, pause=1
        )
        listed = self.demo.nova("GET", "/servers", reservation_id=reservation, limit=1000)["servers"]
        return [server["id"] for server in listed]

    def _are_active(self, reservation: str, count: int) -> bool:
        # the short list: the long one costs Nova as much as a boot
        def listed(status: str) -> list[JsonDict]:
            found = self.demo.nova("GET", "/servers", reservation_id=reservation, status=status, limit=1000)
            servers: list[JsonDict] = found["servers"]
            return servers

        if failed := listed("ERROR"):
            fault = self.server(failed[0]["id"]).get("fault", {})
            raise DevcloudError(f"server {failed[0]['id']} could not be booted: {fault.get('message')}")
        return len(listed("ACTIVE")) == count

    def server(self, server: str) -> JsonDict:
        """Return a server as the admin sees it."""
        found: JsonDict = self.admin.nova("GET", f"/servers/{server}")["server"]
        return found

    def servers(self, **filters: Any) -> list[JsonDict]:
        """Return all servers of all projects, as the admin sees them (``host=`` and the like narrow that)."""
        servers: list[JsonDict] = []
        page: list[JsonDict] = []
        while not servers or page:
            marker = {"marker": servers[-1]["id"]} if servers else {}
            query = {"all_tenants": 1, "limit": 200, **filters, **marker}
            page = self.admin.nova("GET", "/servers/detail", **query)["servers"]
            if not page:
                break
            servers += page
        return servers

    def evacuations(self, server: str) -> list[JsonDict]:
        """Return the evacuations of a server: its migration records of that type."""
        query = {"instance_uuid": server, "migration_type": "evacuation"}
        found: list[JsonDict] = self.admin.nova("GET", "/os-migrations", **query)["migrations"]
        return found

    def compute_services(self) -> dict[str, JsonDict]:
        """Return Nova's compute services by host."""
        found = self.admin.nova("GET", "/os-services", binary="nova-compute")["services"]
        return {service["host"]: service for service in found}

    def service(self, host: str) -> JsonDict:
        """Return the compute service of a host."""
        return self.compute_services()[host]

    def update_service(self, host: str, **changes: Any) -> None:
        """Change a compute service: ``forced_down=True``, ``status="disabled"`` ...

        :raises RequestError: when Nova refuses
        """
        self.admin.nova("PUT", f"/os-services/{self.service(host)['id']}", changes)

    def kill_compute(self, host: str) -> bool:
        """Kill a host's nova-compute (SIGKILL); its fake guests die with it."""
        return self.services.kill_compute(host)

    def start_compute(self, host: str) -> bool:
        """Start a host's nova-compute; it reports about 10 s later for the first time."""
        return self.services.start_compute(host)

    def have_reported(self, hosts: Iterable[str], since: str) -> bool:
        """Tell whether the compute services of all those hosts have reported after a time of ``now``.

        A new process reports some 5 s after it is ready; until then Nova shows its predecessor.
        """
        services = self.compute_services()
        return all((services[host]["updated_at"] or "") > since for host in hosts)

    @staticmethod
    def now() -> str:
        """Return the time as Nova writes it."""
        return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")

    def wait_for(
        self, condition: Callable[[], bool], what: str, limit: float = 60, pause: float = 0.3
    ) -> None:
        """Wait until a condition holds.

        :raises GaveUpError: after ``limit`` seconds
        """
        until = time.monotonic() + limit
        while not condition():
            if time.monotonic() > until:
                raise GaveUpError(f"waited {limit:.0f} s in vain for {what}")
            time.sleep(pause)

    def flavor_id(self, name: str) -> str:
        """Return the id of one of the FLAVORS."""
        return name

    def image_id(self) -> str:
        """Return the image's id; empty when it is not there yet."""
        found = self.admin.request("glance", "GET", "/v2/images", name=IMAGE, status="active")["images"]
        return str(found[0]["id"]) if found else ""

    def request_offset(self) -> int:
        """Return where the request log ends now: what to count ``requests`` from later."""
        path = self.settings.path("log", REQUEST_LOG)
        return path.stat().st_size if path.exists() else 0

    def requests(self, since: int = 0) -> Requests:
        """Count what Nova and Keystone were asked since an offset."""
        return requestlog.count(self.settings.path("log", REQUEST_LOG), since)
