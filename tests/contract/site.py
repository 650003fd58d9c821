"""A cloud that the contract is tried on."""

import abc
import contextlib
from collections.abc import Callable
from typing import TypeVar

from masakari_lite import polling
from tests.contract.client import Account, Client, JsonDict, host_of

T = TypeVar("T")


class Site(abc.ABC):
    """A cloud with hosts that can die and servers of a normal user's.

    :ivar accounts: of ``masakari`` (the engine's user), ``admin`` and ``owner`` (the normal user)
    :ivar hosts: all of them, among them
    :ivar living: one that is up all the time
    :ivar failing: one that dies for good, once a test needs that
    :ivar returning: one that dies and comes back
    """

    accounts: dict[str, Account]
    auth_url: str
    hosts: list[str]
    living: str
    failing: str
    returning: str
    image: str
    pause: float = 0.01
    """Seconds between two looks."""

    def __init__(self) -> None:
        self._clients: dict[str, Client] = {}

    def client(self, user: str) -> Client:
        """Return the one client of a user."""
        if user not in self._clients:
            self._clients[user] = Client(self.auth_url, self.accounts[user])
        return self._clients[user]

    def close(self) -> None:
        """Leave the cloud as it was."""
        for client in self._clients.values():
            client.close()

    @abc.abstractmethod
    def take(self, host: str, state: str = "active") -> str:
        """Return a server on that host that no test has had yet.

        :param state: its vm_state: active, stopped, paused, suspended, rescued or resized
        """

    @abc.abstractmethod
    def kill(self, host: str) -> None:
        """Let a host die; Nova does not know it yet."""

    @abc.abstractmethod
    def start(self, host: str) -> None:
        """Let a dead host's nova-compute come back, and report."""

    @abc.abstractmethod
    def held_conductor(self) -> contextlib.AbstractContextManager[None]:
        """Keep evacuations that begin in the block as Nova's API left them, until its end."""

    def until(self, ask: Callable[[], T | None], what: str, limit: float = 40) -> T:
        """Ask until there is an answer; it returns that."""
        return polling.wait_until(lambda: ask() or None, self.pause, limit, what)

    def finish(self, server: str) -> JsonDict:
        """Wait until a server's newest evacuation is done; return the server, which is elsewhere."""
        masakari = self.client("masakari")
        record = self.until(
            lambda: next((r for r in masakari.evacuations(server)[:1] if r["status"] == "done"), None),
            f"the evacuation of {server}",
        )
        found = masakari.server(server)
        assert host_of(found) == record["dest_compute"] != record["source_compute"]
        return found
