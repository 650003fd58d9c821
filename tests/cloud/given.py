"""A cloud that is there already, as OS_* variables or clouds.yaml name it (see the guide to testing)."""

import contextlib
import functools
import os
import secrets
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from tests.cloud import needs
from tests.contract.client import Account
from tools.devcloud.cloud import FLAVORS, Cloud
from tools.devcloud.errors import DevcloudError, RequestError
from tools.devcloud.requestlog import Requests
from tools.devcloud.rest import NOVA_VERSION, Client

JsonDict = dict[str, Any]

KILL = "MASAKARI_LITE_CLOUD_KILL"
START = "MASAKARI_LITE_CLOUD_START"
TRANSPORT = "MASAKARI_LITE_CLOUD_TRANSPORT_URL"
JOURNAL = "MASAKARI_LITE_CLOUD_JOURNAL"
_NAMING = ("OS_CLOUD", "OS_AUTH_URL")
_PROXIES = {"nova": "compute", "placement": "placement"}
_LIMIT = 300.0

_WHY_NOT = {
    needs.KILL: f"a host must die, and {KILL} and {START} do not say how on this cloud",
    needs.LOG: "reads Nova's access log, which only a cloud of our own shows",
    needs.SIZES: "fills hosts with flavors that fit the devcloud's hosts only",
    needs.DEVCLOUD: "is about the devcloud",
    needs.CONDUCTOR: "holds nova-conductor, which only a cloud of our own lets us do",
}


def is_given(environment: Mapping[str, str]) -> bool:
    """Tell whether the environment names a cloud."""
    return any(environment.get(name) for name in _NAMING)


class SessionClient(Client):
    """A user of the given cloud; requests go where Keystone's catalog says."""

    def __init__(self, connection: Any, user: str) -> None:
        self._connection = connection
        self.user = user

    def request(
        self, service: str, method: str, path: str, body: Any = None, *, version: str = "", **query: Any
    ) -> Any:
        """Send a request to Nova or to Placement.

        :raises RequestError: when it answers with an error
        """
        adapter = getattr(self._connection, _PROXIES[service])
        answer = adapter.request(
            path, method, json=body, params=query, microversion=version or None, raise_exc=False
        )
        if answer.status_code >= 400:
            raise RequestError(method, answer.url, answer.status_code, answer.text)
        return answer.json() if answer.content else None


class GivenCloud(Cloud):
    """A cloud that is there for tests, and not brought up by us.

    The user whom the environment names must be an admin: he is the engine's user, too. A project and a normal
    user are made for the run; servers of other projects are left alone.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        import openstack  # only this wants it

        self._environment = environment
        self._connection = openstack.connect()
        self._killed: set[str] = set()
        self._tenant = _Tenant(self._connection)
        self.admin = self.masakari = SessionClient(self._connection, "masakari")
        self.demo = SessionClient(self._tenant.as_user(), "demo")
        self.builder = SessionClient(self._tenant.as_admin(), "builder")

    def why_not(self, need: str) -> str:
        """Tell why a scenario can't have what it needs; empty when it can."""
        can_kill = self._environment.get(KILL) and self._environment.get(START)
        return "" if need == needs.KILL and can_kill else _WHY_NOT[need]

    @property
    def hosts(self) -> list[str]:
        """The compute hosts."""
        return sorted(self.compute_services())

    @property
    def transport_url(self) -> str:
        """The message broker between the tests and the engine."""
        return self._environment.get(TRANSPORT) or "rabbit://guest:guest@127.0.0.1:5672/"

    @property
    def journal_url(self) -> str:
        """The engine's journal; a SQLite file in its state_path if none is named."""
        return self._environment.get(JOURNAL) or "sqlite:///$state_path/masakari.sqlite"

    @property
    def rpc_response_timeout(self) -> float:
        """Nova's own default, since its configuration can't be seen."""
        return 60

    def nova_options(self, user: str = "masakari") -> dict[str, str]:
        """Return how the engine logs in as a user: options of its ``[nova]``."""
        connection = self._connection if user == "masakari" else self._tenant.as_user()
        config = connection.config
        verify, _certificate = config.get_requests_verify_args()
        options = {
            **{name: value for name, value in config.get_auth_args().items() if value},
            "auth_type": config.config["auth_type"],
            "valid_interfaces": config.get_interface("compute"),
            "region_name": config.get_region_name("compute"),
            "cafile": verify if isinstance(verify, str) else "",
            "insecure": "" if verify else "true",
        }
        return {name: value for name, value in options.items() if value}

    def accounts(self) -> tuple[str, dict[str, Account]]:
        """Return Keystone's URL, and who ``masakari``, ``admin`` and ``owner`` are to it."""
        options = [self.nova_options(user) for user in ("masakari", "demo")]
        if any(option["auth_type"] not in ("password", "v3password") for option in options):
            pytest.skip(
                "the contract's clients log in with a password, which this cloud's user does not have"
            )
        admin, owner = (
            Account(option["username"], option["password"], option["project_name"]) for option in options
        )
        return options[0]["auth_url"], {"masakari": admin, "admin": admin, "owner": owner}

    def heal(self) -> None:
        """Have all hosts that we killed up and enabled, and none of our servers."""
        since = self.now()
        killed = {host for host in self._killed if self.start_compute(host)}
        self.wait_for(lambda: self.have_reported(killed, since), "the killed hosts to report", _LIMIT)
        for host in killed:
            self.wait_for(
                functools.partial(self._is_lifted, host), f"forced_down of {host} to be lifted", _LIMIT
            )
        for host, service in self.compute_services().items():
            if service["status"] != "enabled" and self._environment.get(KILL):
                self.update_service(host, status="enabled")
        for server in self._own_servers():
            with contextlib.suppress(RequestError):
                self.admin.nova("DELETE", f"/servers/{server['id']}")
        self.wait_for(lambda: not self._own_servers(), "our servers to be deleted", _LIMIT)
        self._killed -= killed

    def close(self) -> None:
        """Heal it, and take our project, its user and the images of that project away."""
        self.heal()
        for image in self._connection.image.images(owner=self._tenant.project_id):  # its owner's backups
            self._connection.image.delete_image(image)
        self._tenant.close()

    def kill_compute(self, host: str) -> bool:
        """Kill a host's nova-compute by the command that was given."""
        was_killed = self._run(KILL, host)
        self._killed.add(host)
        return was_killed

    def start_compute(self, host: str) -> bool:
        """Start a host's nova-compute by the command that was given."""
        return self._run(START, host)

    def flavor_id(self, name: str) -> str:
        """Return the id of the cloud's smallest flavor, or for a bigger one that of the next."""
        found = self.admin.nova("GET", "/flavors/detail")["flavors"]
        sizes = sorted(found, key=lambda flavor: (flavor["ram"], flavor["vcpus"], flavor["disk"]))
        return str(sizes[min(list(FLAVORS).index(name), len(sizes) - 1)]["id"])

    def image_id(self) -> str:
        """Return the id of the cloud's smallest public image."""
        found = list(self._connection.image.images(status="active", visibility="public"))
        if not found:
            raise DevcloudError("the cloud has no public image to boot from")
        return str(min(found, key=lambda image: image.size or 0).id)

    def request_offset(self) -> int:
        """Nova's log can't be read."""
        return 0

    def requests(self, since: int = 0) -> Requests:
        """Nova's log can't be read."""
        return Requests(since, {}, {})

    def held_conductor(self) -> contextlib.AbstractContextManager[None]:
        """Not here."""
        pytest.skip(self.why_not(needs.CONDUCTOR))

    def _own_servers(self) -> list[JsonDict]:
        return self.servers(project_id=self._tenant.project_id)

    def _is_lifted(self, host: str) -> bool:
        try:
            self.update_service(host, forced_down=False)
        except RequestError as error:
            if error.status != 400:  # evacuations that the host has not completed yet
                raise
            return False
        return bool(self.service(host)["state"] == "up")

    def _run(self, variable: str, host: str) -> bool:
        if reason := self.why_not(needs.KILL):
            pytest.skip(reason)
        command = self._environment[variable].format(host=host)
        return subprocess.run(command, shell=True, check=False).returncode == 0


class _Tenant:
    """A project of our own with a normal user, whose role is ``member``."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        identity = connection.identity
        self._name = f"masakari-lite-tests-{secrets.token_hex(4)}"
        self._password = secrets.token_hex(16)
        self._domain = identity.get_project(connection.current_project_id).domain_id
        self._project = identity.create_project(name=self._name, domain_id=self._domain)
        self._user = identity.create_user(
            name=self._name,
            password=self._password,
            domain_id=self._domain,
            default_project_id=self._project.id,
        )
        for user, role in ((self._user.id, "member"), (connection.current_user_id, "admin")):
            found = identity.find_role(role, ignore_missing=False)
            identity.assign_project_role_to_user(self._project, user, found)
        quota = {"instances": -1, "cores": -1, "ram": -1}
        connection.compute.put(
            f"/os-quota-sets/{self.project_id}", json={"quota_set": quota}, microversion=NOVA_VERSION
        )

    @property
    def project_id(self) -> str:
        """The project's id."""
        return str(self._project.id)

    def as_admin(self) -> Any:
        """Connect as the admin, in this project."""
        return self._connection.connect_as(project_name=self._name, project_domain_id=self._domain)

    def as_user(self) -> Any:
        """Connect as the normal user."""
        return self._connection.connect_as(
            username=self._name,
            password=self._password,
            user_domain_id=self._domain,
            project_name=self._name,
            project_domain_id=self._domain,
        )

    def close(self) -> None:
        """Take both away."""
        self._connection.identity.delete_user(self._user)
        self._connection.identity.delete_project(self._project)
