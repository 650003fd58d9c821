"""The instances' owner, in a process of its own: ``python -m masakari_lite_demo.user``.

It polls the instances. Those that are locked or being evacuated it tries to stop, reboot, rebuild or delete:
the engine's lock must refuse that. At other times the same actions are allowed and change an instance, so
only a few are changed then: the others show whether they have the state they had before.

It reads one line of JSON from stdin, see UserSettings. At the end of stdin it writes its actions to stdout,
as JSON, and exits.
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
"""Seconds between two actions on instances that are not locked by the engine."""

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
# few deletes, or too few instances would be left to recover
_WEIGHTS = (3, 4, 4, 1)


@dataclasses.dataclass(frozen=True)
class UserSettings:
    """The settings of the process.

    :ivar auth_url: Keystone's URL
    :ivar instances: the uuids of the instances that are polled
    :ivar unrestricted: those of them that are changed at any time
    """

    auth_url: str
    instances: list[str]
    unrestricted: list[str]
    seed: int


class Owner:
    """A normal user of the cloud, and a record of the actions."""

    def __init__(self, settings: UserSettings) -> None:
        self._settings = settings
        self._targets = set(settings.instances)
        self._random = random.Random(f"user {settings.seed}")
        self._session = requests.Session()
        self._session.trust_env = False
        self._url = self._log_in()
        self._locked_by_owner: set[str] | None = None
        self._next_unrestricted = 0.0
        self.counts: collections.Counter[str] = collections.Counter()
        self.passed: list[dict[str, Any]] = []

    def _log_in(self) -> str:
        domain = {"name": "Default"}
        user = {"name": "alice", "password": "alice", "domain": domain}
        scope = {"project": {"name": "demo", "domain": domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = self._session.post(
            f"{self._settings.auth_url}/auth/tokens",
            json={"auth": {"identity": identity, "scope": scope}},
            timeout=_TIMEOUT,
        )
        answer.raise_for_status()
        self._session.headers["X-Auth-Token"] = answer.headers["X-Subject-Token"]
        self._session.headers["OpenStack-API-Version"] = f"compute {_MICROVERSION}"
        catalog = answer.json()["token"]["catalog"]
        compute = next(service for service in catalog if service["type"] == "compute")
        return str(compute["endpoints"][0]["url"])

    def poll_and_act(self) -> None:
        """Try an action on each instance in recovery, and at intervals on an unrestricted one."""
        answer = self._session.get(f"{self._url}/servers/detail", timeout=_TIMEOUT)
        answer.raise_for_status()
        servers = [server for server in answer.json()["servers"] if server["id"] in self._targets]
        if self._locked_by_owner is None:
            self._locked_by_owner = {server["id"] for server in servers if server["locked"]}
        for server in servers:
            if server["id"] not in self._locked_by_owner and _is_in_recovery(server):
                self._act(server["id"], self._random.choice(_NAMES))
        if time.monotonic() >= self._next_unrestricted:
            self._next_unrestricted = time.monotonic() + OWN_INTERVAL
            self._act_unrestricted({server["id"] for server in servers})

    def _act_unrestricted(self, present: set[str]) -> None:
        mine = present & (set(self._settings.unrestricted) | (self._locked_by_owner or set()))
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


def _is_in_recovery(server: dict[str, Any]) -> bool:
    """Return True when the instance is locked or being evacuated."""
    return bool(server["locked"]) or server["OS-EXT-STS:task_state"] == "rebuild_spawning"


def main() -> int:
    """Poll and act until the end of stdin."""
    owner = Owner(UserSettings(**json.loads(sys.stdin.readline())))
    while not select.select([sys.stdin], [], [], INTERVAL)[0]:
        owner.poll_and_act()
    json.dump({**owner.counts, "passed_actions": owner.passed}, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
