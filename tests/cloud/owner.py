"""What an owner does to her instances while they are recovered, at random and all the while."""

import collections
import random
import threading
from collections.abc import Sequence
from typing import Any, Self

from tools.devcloud import requestlog
from tools.devcloud.cloud import Cloud
from tools.devcloud.errors import DevcloudError, RequestError
from tools.devcloud.services import REQUEST_LOG

DISTURBING = ("os-stop", "reboot", "rebuild", "DELETE")
BACKUP = {"name": "backup", "backup_type": "daily", "rotation": 1}


class _Clients:
    """Clients of the normal user's in threads of their own; a context manager that lets them work."""

    def __init__(self, cloud: Cloud, servers: Sequence[str], seed: int, clients: int = 2) -> None:
        self._cloud = cloud
        self._servers = list(servers)
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._work, args=(random.Random(seed + number),))
            for number in range(clients)
        ]
        self._answers: list[tuple[str, int]] = []  # threads may append to a list at once

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    @property
    def answers(self) -> collections.Counter[tuple[str, int]]:
        """How often which action was answered how: 200 where it was accepted, else the HTTP status."""
        return collections.Counter(self._answers)

    def _work(self, dice: random.Random) -> None:
        while not self._over.is_set():
            action = self._choose(dice)
            try:
                self._act(action, dice.choice(self._servers))
            except RequestError as error:
                self._answers.append((action, error.status))
                self._over.wait(0.01)  # refused, as is right most of the time
            except DevcloudError:
                self._over.wait(0.01)  # not answered at all
            else:
                self._answers.append((action, 200))

    def _choose(self, dice: random.Random) -> str:
        raise NotImplementedError

    def _act(self, action: str, server: str) -> None:
        raise NotImplementedError


class Owner(_Clients):
    """An impatient one, who stops, reboots, rebuilds and deletes at random."""

    def __init__(self, cloud: Cloud, servers: Sequence[str], seed: int) -> None:
        super().__init__(cloud, servers, seed)
        self._image = cloud.image_id()

    def _choose(self, dice: random.Random) -> str:
        return dice.choice(DISTURBING)

    def _act(self, action: str, server: str) -> None:
        if action == "DELETE":
            self._cloud.demo.nova("DELETE", f"/servers/{server}")
            return
        body = {"os-stop": None, "reboot": {"type": "HARD"}, "rebuild": {"imageRef": self._image}}[action]
        self._cloud.demo.action(server, action, body)


class Meddler(_Clients):
    """One who tries what a lock does not keep her from: locks, backups, names."""

    def _choose(self, dice: random.Random) -> str:
        return dice.choice(("unlock", "lock", "unlock", "createBackup", "rename"))

    def _act(self, action: str, server: str) -> None:
        if action == "rename":
            self._cloud.demo.nova("PUT", f"/servers/{server}", {"server": {"name": "renamed"}})
            return
        self._cloud.demo.action(server, action, BACKUP if action == "createBackup" else None)


class Disturbances:
    """What the owner's requests came to, by Nova's own log."""

    def __init__(self, cloud: Cloud, since: int) -> None:
        path = cloud.settings.path("log", REQUEST_LOG)
        self._entries = [entry for _, entry in requestlog.read(path, since) if entry["service"] == "nova"]

    def while_locked(self) -> collections.Counter[int]:
        """Count by HTTP status those that came and went between the lock's answer and the unlock request."""
        return collections.Counter(
            entry["status"]
            for entry in self._entries
            if self._is_disturbing(entry) and self._is_locked(entry)
        )

    def passed_on_the_way(self) -> list[dict[str, Any]]:
        """Return those that Nova let pass from the evacuation's acceptance to the unlocking."""
        return [
            entry
            for entry in self._entries
            if self._is_disturbing(entry) and entry["status"] < 300 and self._is_on_the_way(entry)
        ]

    def _is_disturbing(self, entry: dict[str, Any]) -> bool:
        what = entry.get("action") or entry["method"]
        return entry["user"] == "demo" and what in DISTURBING

    def _is_locked(self, entry: dict[str, Any]) -> bool:
        server = _server(entry)
        begun = [own["time"] + own["seconds"] for own in self._own("lock") if _server(own) == server]
        ended = [own["time"] for own in self._own("unlock") if _server(own) == server]
        return any(
            start < entry["time"]
            and entry["time"] + entry["seconds"] < min(_after(start, ended), default=0.0)
            for start in begun
        )

    def _is_on_the_way(self, entry: dict[str, Any]) -> bool:
        server = _server(entry)
        begun = [own["time"] + own["seconds"] for own in self._own("evacuate") if _server(own) == server]
        ended = [own["time"] for own in self._own("unlock") if _server(own) == server]
        end = ended[0] if ended else begun[0] + 1.0 if begun else 0.0
        return bool(begun) and begun[0] < entry["time"] and entry["time"] + entry["seconds"] < end

    def _own(self, action: str) -> list[dict[str, Any]]:
        return [
            own
            for own in self._entries
            if own["user"] == "masakari" and own.get("action") == action and own["status"] < 300
        ]


def _after(moment: float, others: list[float]) -> list[float]:
    return [other for other in others if other > moment]


def _server(entry: dict[str, Any]) -> str:
    parts = str(entry["path"]).split("/")
    return parts[parts.index("servers") + 1] if "servers" in parts else ""
