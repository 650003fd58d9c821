"""A real cloud as a site: the devcloud, or the one that is given."""

import contextlib
import dataclasses
import functools
from collections.abc import Iterator

import pytest

from tests.cloud import clouds
from tests.contract.client import JsonDict
from tests.contract.site import Site

# how many servers the tests take from a host, by vm_state; they are made at once, before the host dies
_STOCK = {
    "living": {"active": 17, "stopped": 1},
    "returning": {"active": 8},
    "failing": {
        "active": 36,
        "stopped": 4,
        "paused": 1,
        "suspended": 1,
        "rescued": 1,
        "resized": 1,
    },
}
_ACTIONS: dict[str, JsonDict] = {
    "stopped": {"os-stop": None},
    "paused": {"pause": None},
    "suspended": {"suspend": None},
    "rescued": {"rescue": None},
}


class RealSite(Site):
    """The cloud of the run; nobody else may kill its hosts meanwhile."""

    pause = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._cloud = clouds.find_cloud()
        self.auth_url, self.accounts = self._cloud.accounts()
        owners = self.accounts["owner"].project
        self.accounts["owners_admin"] = dataclasses.replace(self.accounts["admin"], project=owners)
        self.rpc_response_timeout = self._cloud.rpc_response_timeout
        self.can_freeze = isinstance(self._cloud, clouds.Devcloud)
        self.hosts = self._cloud.hosts
        self.returning, self.living, self.failing = (self.hosts * 3)[-3:]
        self.image = self._cloud.image_id()
        self._stock: dict[str, dict[str, list[str]]] = {}
        self._cloud.heal()
        self._set_owners_admin("PUT")

    def take(self, host: str, state: str = "active") -> str:
        servers = self._stock_of(host)[state]
        if not servers and host == self.living:
            servers += self._make(host, {state: 1})[state]
        return servers.pop()

    def _stock_of(self, host: str) -> dict[str, list[str]]:
        if host not in self._stock:
            role = next(role for role in _STOCK if getattr(self, role) == host)
            self._stock[host] = self._make(host, _STOCK[role])
        return self._stock[host]

    def _make(self, host: str, wanted: dict[str, int]) -> dict[str, list[str]]:
        here = self._cloud.boot(sum(wanted.values()) - wanted.get("resized", 0), host)
        stock: dict[str, list[str]] = {}
        for state, count in wanted.items():
            if state == "resized":
                stock[state] = self._cloud.boot(count, self.living)
            else:
                stock[state] = [here.pop() for _ in range(count)]
        for state, action in _ACTIONS.items():
            for server in stock.get(state, []):
                self._accept("owner", server, action)
        for server in stock.get("resized", []):
            self._accept("admin", server, {"migrate": {"host": host}})
        for state, servers in stock.items():
            for server in servers:
                self.until(
                    lambda server=server, state=state: self._is(server, state), f"{server} to be {state}"
                )
        return stock

    def _accept(self, user: str, server: str, action: JsonDict) -> None:
        answer = self.client(user).send("POST", f"/servers/{server}/action", action)
        assert answer.status in (200, 202), answer.text

    def _is(self, server: str, vm_state: str) -> bool:
        found = self._cloud.server(server)
        return (found["OS-EXT-STS:vm_state"], found["OS-EXT-STS:task_state"]) == (vm_state, None)

    def kill(self, host: str) -> None:
        self._stock_of(host)
        assert self._cloud.kill_compute(host)

    def start(self, host: str) -> None:
        since = self._cloud.now()
        self._cloud.start_compute(host)
        self.until(lambda: self._cloud.have_reported([host], since), f"{host} to report", 90)

    def see_down(self, host: str) -> None:
        masakari = self.client("masakari")
        self.until(lambda: masakari.service(host)["state"] == "down", f"{host} to look down", 90)

    def node(self, host: str) -> str:
        nodes = self._cloud.admin.nova("GET", "/os-hypervisors/detail")["hypervisors"]
        return next(str(node["hypervisor_hostname"]) for node in nodes if node["service"]["host"] == host)

    def held_conductor(self) -> contextlib.AbstractContextManager[None]:
        return self._cloud.held_conductor()

    def held_scheduler(self) -> contextlib.AbstractContextManager[None]:
        return self._own_cloud().frozen("nova-scheduler")

    @contextlib.contextmanager
    def held_rebuild(self, servers: list[str]) -> Iterator[str]:
        masakari = self.client("masakari")

        def status(server: str) -> str:
            return str(masakari.evacuations(server)[0]["status"])

        for server in servers:
            masakari.evacuate(server, host=self.living)
            while status(server) == "accepted":
                pass  # its next state is short
            with self._own_cloud().frozen(f"nova-{self.living}"):
                if status(server) == "pre-migrating":
                    yield server
                    return
        raise AssertionError("no rebuild was slow enough to be caught")

    def down_cell(self) -> contextlib.AbstractContextManager[None]:
        return self._own_cloud().down_cell()

    def other_down_cell(self) -> contextlib.AbstractContextManager[None]:
        return self._own_cloud().other_down_cell()

    def _own_cloud(self) -> clouds.Devcloud:
        if not isinstance(self._cloud, clouds.Devcloud):
            pytest.skip("freezes Nova's processes or changes its cells: only in a cloud of our own")
        return self._cloud

    def close(self) -> None:
        """Bring the hosts back, and delete the servers."""
        self._set_owners_admin("DELETE")
        super().close()
        self._cloud.heal()

    def _set_owners_admin(self, method: str) -> None:
        """Make the admin one of the owner's project, too, or no longer; in a cloud that was given he is."""
        if isinstance(self._cloud, clouds.Devcloud):
            keystone = functools.partial(self._cloud.admin.request, "keystone")
            (role,) = keystone("GET", "/roles", name="admin")["roles"]
            user, project = self.client("admin").user_id, self.client("owner").project_id
            keystone(method, f"/projects/{project}/users/{user}/roles/{role['id']}")
