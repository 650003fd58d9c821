"""A simulated cloud with guests on hosts that fail, and what must become of them."""

from collections.abc import Iterable

from masakari_lite_simulator import Cloud
from tests.harness.guests import Guest


class GuestCloud:
    """What the oracle needs to know of a cloud.

    :ivar failing: the hosts that fail
    :ivar guests: by the instance's uuid, what it was and what it must be
    :ivar sources: by the uuid of an instance or of a compute service, its host
    :ivar failures: by the instance's uuid, how the evacuations end that fail before the one that succeeds
    """

    def __init__(self, cloud: Cloud, failing: Iterable[str]) -> None:
        self.cloud = cloud
        self.failing = tuple(failing)
        self.guests: dict[str, Guest] = {}
        self.sources: dict[str, str] = {}
        self.failures: dict[str, list[str]] = {}

    def add_host(self, name: str, capacity: int | None = None) -> None:
        """Add a host; with no capacity nothing is evacuated to it."""
        self.sources[self.cloud.add_host(name, capacity).uuid] = name

    def add_guest(self, host: str, guest: Guest) -> str:
        """Put a guest on a host; returns its uuid."""
        server = self.cloud.add_server(host, name=guest.name, **guest.before)
        self.guests[server.uuid] = guest
        self.sources[server.uuid] = host
        return server.uuid

    def guests_of(self, host: str) -> dict[str, Guest]:
        """Return the guests that were on a host, by uuid."""
        return {uuid: guest for uuid, guest in self.guests.items() if self.sources[uuid] == host}
