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

    :ivar accounts: of ``masakari`` (the engine's user), ``admin``, ``owner`` (the normal user) and
        ``owners_admin`` (an admin with a token for the owner's project)
    :ivar rpc_response_timeout: for how many seconds Nova waits for an answer of its own services
    :ivar can_freeze: whether parts of Nova can be kept from working while others work
    :ivar hosts: all of them, among them
    :ivar living: one that is up all the time
    :ivar failing: one that dies for good, once a test needs that
    :ivar returning: one that dies and comes back
    """

    accounts: dict[str, Account]
    auth_url: str
    rpc_response_timeout: float
    can_freeze: bool
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
    def see_down(self, host: str) -> None:
        """Wait until Nova has found out by itself that a host is dead."""

    @abc.abstractmethod
    def node(self, host: str) -> str:
        """Return the name of a host's hypervisor."""

    @abc.abstractmethod
    def held_conductor(self) -> contextlib.AbstractContextManager[None]:
        """Keep evacuations that begin in the block as Nova's API left them, until its end."""

    @abc.abstractmethod
    def held_scheduler(self) -> contextlib.AbstractContextManager[None]:
        """Keep evacuations that begin in the block `accepted`, until its end; all else works."""

    @abc.abstractmethod
    def held_rebuild(self, servers: list[str]) -> contextlib.AbstractContextManager[str]:
        """Evacuate some of the servers, and keep one `pre-migrating` until the block's end: hand out that."""

    @abc.abstractmethod
    def down_cell(self) -> contextlib.AbstractContextManager[None]:
        """Keep the database of the hosts' cell from Nova's API, until the block's end."""

    @abc.abstractmethod
    def other_down_cell(self) -> contextlib.AbstractContextManager[None]:
        """Have a cell without hosts that is down, and comes before theirs, until the block's end."""

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

    def end(self, server: str) -> tuple[JsonDict, JsonDict]:
        """Wait until a server's newest evacuation has ended, well or not; return both."""
        masakari = self.client("masakari")

        def ask() -> tuple[JsonDict, JsonDict] | None:
            record = masakari.evacuations(server)[0]
            found = masakari.server(server)
            is_over = record["status"] in ("done", "error", "failed") and not found["OS-EXT-STS:task_state"]
            return (found, record) if is_over else None

        return self.until(ask, f"the end of the evacuation of {server}")
