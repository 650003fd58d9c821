"""The real cloud of tools/devcloud as a site."""

import concurrent.futures
import contextlib
import os
import signal
from collections.abc import Iterator

from tests.contract.client import Account, JsonDict
from tests.contract.site import Site
from tools.devcloud.cloud import Cloud

# how many servers the tests take from a host, by vm_state; they are made before the host dies
_STOCK = {
    "living": {"active": 9, "stopped": 1},
    "returning": {"active": 4},
    "failing": {
        "active": 27,
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


class DevcloudSite(Site):
    """What ``devcloud.py up`` has brought up; nobody else may kill its hosts meanwhile."""

    pause = 0.1

    def __init__(self) -> None:
        super().__init__()
        self._cloud = Cloud.load()
        settings = self._cloud.settings
        self.auth_url = settings.auth_url
        self.accounts = {
            "masakari": Account("masakari", settings.password, "service"),
            "admin": Account("admin", settings.password, "admin"),
            "owner": Account("demo", settings.password, "demo"),
        }
        self.hosts = settings.hosts
        self.returning, self.living, self.failing = self.hosts[-3:]
        self.image = self._cloud.image_id()
        self._stock: dict[str, dict[str, list[str]]] = {}
        self._made: list[str] = []
        services = self._cloud.compute_services()
        for host in (self.returning, self.living, self.failing):
            is_well = (services[host]["state"], services[host]["status"]) == ("up", "enabled")
            assert is_well, f"{host} is not up and enabled; try: python3 tools/devcloud/devcloud.py reset"

    def take(self, host: str, state: str = "active") -> str:
        return self._stock_of(host)[state].pop()

    def _stock_of(self, host: str) -> dict[str, list[str]]:
        if host not in self._stock:
            role = next(role for role in _STOCK if getattr(self, role) == host)
            self._stock[host] = self._make(host, _STOCK[role])
        return self._stock[host]

    def _make(self, host: str, wanted: dict[str, int]) -> dict[str, list[str]]:
        here = self._cloud.boot(sum(wanted.values()) - wanted.get("resized", 0), host)
        self._made += here
        stock: dict[str, list[str]] = {}
        for state, count in wanted.items():
            if state == "resized":
                stock[state] = self._cloud.boot(count, self.living)
                self._made += stock[state]
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

    @contextlib.contextmanager
    def held_conductor(self) -> Iterator[None]:
        group = self._cloud.services.supervisor.pid("nova-conductor")
        assert group is not None
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    def close(self) -> None:
        """Bring the failing host back, and delete the servers."""
        if self.failing in self._stock:
            with contextlib.suppress(AssertionError):
                self.start(self.failing)
        masakari = self.client("masakari")
        for host in (self.failing, self.returning):
            self.until(
                lambda host=host: masakari.update_service(host, forced_down=False).status == 200,
                f"{host} to complete the evacuations",
            )
            masakari.update_service(host, status="enabled")
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda server: masakari.send("DELETE", f"/servers/{server}"), self._made))
        self.until(lambda: not self._left(), "the servers to be deleted", 120)
        super().close()

    def _left(self) -> set[str]:
        return {server["id"] for server in self._cloud.servers()} & set(self._made)
