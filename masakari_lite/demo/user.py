"""The instances' owner, in a process of her own: ``python -m masakari_lite.demo.user``.

She looks at her instances all the while. Whatever she sees locked or on its way she tries to stop, reboot,
rebuild or delete at once: none of it may pass. What she may do at other times is her good right, and changes
what an instance ends as; so that most instances still show whether they are in the state they had, she does
it to a few only.

On stdin she is given one line of JSON, see Orders; when stdin ends, she writes what she did to stdout, as
JSON, and exits.
"""

from __future__ import annotations

import collections
import dataclasses
import json
import random
import select
import sys
import time
from typing import Any

import requests

INTERVAL = 0.1
OWN_INTERVAL = 1.0
"""Seconds between two actions on an instance that is not seen locked."""

_TIMEOUT = 10
_MICROVERSION = "2.73"
_IMAGE = "b8146d63-1bba-4dce-ab69-e64975b6b038"
_ACTIONS: dict[str, Any] = {
    "stop": {"os-stop": None},
    "reboot": {"reboot": {"type": "HARD"}},
    "rebuild": {"rebuild": {"imageRef": _IMAGE}},
    "delete": None,
}
_NAMES = tuple(_ACTIONS)
# she deletes her own seldom, or there would be nothing left to see
_WEIGHTS = (3, 4, 4, 1)


@dataclasses.dataclass(frozen=True)
class Orders:
    """What she is told.

    :ivar auth_url: Keystone's
    :ivar targets: the uuids of the instances that she watches
    :ivar free: those of them to which she does something at any time
    """

    auth_url: str
    targets: list[str]
    free: list[str]
    seed: int


class Owner:
    """A normal user of the cloud, and what she did."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._targets = set(orders.targets)
        self._random = random.Random(f"user {orders.seed}")
        self._session = requests.Session()
        self._session.trust_env = False
        self._url = self._log_in()
        self._locked_herself: set[str] | None = None
        self._next_free = 0.0
        self.counts: collections.Counter[str] = collections.Counter()
        self.passed: list[dict[str, Any]] = []

    def _log_in(self) -> str:
        domain = {"name": "Default"}
        user = {"name": "alice", "password": "alice", "domain": domain}
        scope = {"project": {"name": "demo", "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = self._session.post(
            f"{self._orders.auth_url}/auth/tokens",
            json={"auth": {"identity": identity, "scope": scope}},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        self._session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self._session.headers["OpenStack-API-Version"] = f"compute {_MICROVERSION}"
        catalog = answer.json()["token"]["catalog"]
        compute = next(service for service in catalog if service["type"] == "compute")
        return str(compute["endpoints"][0]["url"])

    def look_and_act(self) -> None:
        """Try something on all that are locked or moving, and now and then on one of the free ones."""
        answer = self._session.get(f"{self._url}/servers/detail", timeout=_TIMEOUT)
        answer.raise_for_status()
        servers = [server for server in answer.json()["servers"] if server["id"] in self._targets]
        if self._locked_herself is None:
            self._locked_herself = {server["id"] for server in servers if server["locked"]}
        for server in servers:
            if server["id"] not in self._locked_herself and _is_taken(server):
                self._act(server["id"], self._random.choice(_NAMES))
        if time.monotonic() >= self._next_free:
            self._next_free = time.monotonic() + OWN_INTERVAL
            self._act_freely({server["id"] for server in servers})

    def _act_freely(self, present: set[str]) -> None:
        mine = present & (set(self._orders.free) | (self._locked_herself or set()))
        if mine:
            name = self._random.choices(_NAMES, _WEIGHTS)[0]
            self._act(self._random.choice(sorted(mine)), name)

    def _act(self, uuid: str, name: str) -> None:
        url = f"{self._url}/servers/{uuid}"
        if name == "delete":
            answer = self._session.delete(url, timeout=_TIMEOUT)
        else:
            answer = self._session.post(f"{url}/action", json=_ACTIONS[name], timeout=_TIMEOUT)
        self.counts["tried"] += 1
        if answer.status_code < 400:
            self.counts["passed"] += 1
            self.passed.append({"instance_uuid": uuid, "action": name})
        elif answer.status_code == 409 and "locked" in answer.text:
            self.counts["refused_locked"] += 1
        else:
            self.counts["refused_otherwise"] += 1


def _is_taken(server: dict[str, Any]) -> bool:
    """Tell whether somebody else has the instance in hand: it is locked, or being evacuated."""
    return bool(server["locked"]) or server["OS-EXT-STS:task_state"] == "rebuild_spawning"


def main() -> int:
    """Do as ordered until stdin ends."""
    owner = Owner(Orders(**json.loads(sys.stdin.readline())))
    while not select.select([sys.stdin], [], [], INTERVAL)[0]:
        owner.look_and_act()
    json.dump({**owner.counts, "passed_actions": owner.passed}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
