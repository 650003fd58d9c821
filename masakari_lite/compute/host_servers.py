"""All instances of a host, and the proof that the list lacks none."""

import contextlib
import logging
from collections.abc import Callable, Iterable

from masakari_lite import exceptions
from masakari_lite.compute import cells
from masakari_lite.compute.client import NovaClient
from masakari_lite.compute.errors import translated
from masakari_lite.compute.servers import Servers
from masakari_lite.compute.services import ComputeServices
from masakari_lite.models import Instance

LOG = logging.getLogger(__name__)


class HostServers:
    """Lists the instances of a host, and compares the list with what the host's hypervisor has.

    Nova leaves out of a list what it could not read, and does not say so.
    """

    def __init__(self, client: NovaClient, services: ComputeServices, servers: Servers) -> None:
        self._client = client
        self._services = services
        self._servers = servers

    def list_all(self, host: str, on_doubt: Callable[[str], None] = LOG.warning) -> list[Instance]:
        """List the instances of all projects on a host, all of them, but for soft-deleted ones.

        :param on_doubt: called with the reason why the list cannot be compared; then two lists are compared,
            and an empty one is believed only when Nova does not let its user compare at all
        :raises CellUnavailable: when some may be missing, because the host's cell does not answer
        """
        instances = self._list_and_compare(host, on_doubt)
        try:
            self._services.get(host)
        except exceptions.ComputeServiceNotFound as error:
            raise exceptions.CellUnavailable(f"{error}; there was one a moment ago") from error
        return instances

    def _list_and_compare(self, host: str, on_doubt: Callable[[str], None]) -> list[Instance]:
        listed = self._servers.list_on(host)
        try:
            with translated(f"list the servers of the hypervisor of {host}"):
                uuids = cells.list_server_uuids(self._client.get, host)
        except exceptions.NovaError as error:
            return self._list_twice(host, listed, error, on_doubt)
        missing = self._find_left_out(host, uuids - {instance.uuid for instance in listed})
        if missing:
            LOG.warning("Nova's list of the instances on %s lacked %d that are there", host, len(missing))
        return listed + missing

    def _find_left_out(self, host: str, uuids: Iterable[str]) -> list[Instance]:
        """Show those that are on the host although its list does not have them."""
        found = []
        for uuid in sorted(uuids):
            with contextlib.suppress(exceptions.InstanceNotFound):
                found.append(self._servers.get(uuid))
        return [instance for instance in found if cells.is_left_out(host, instance)]

    def _list_twice(
        self, host: str, listed: list[Instance], error: exceptions.NovaError, on_doubt: Callable[[str], None]
    ) -> list[Instance]:
        """List the instances again, where they cannot be compared with what the hypervisor has.

        :raises CellUnavailable: when the lists are not the same, or have nothing, and may be compared later
        """
        again = self._servers.list_on(host)
        is_same = {instance.uuid for instance in again} == {instance.uuid for instance in listed}
        if not is_same or (not again and isinstance(error, exceptions.Retriable)):
            raise exceptions.CellUnavailable(
                f"Nova lists {len(listed)}, then {len(again)} instances on {host}, and whether these are all "
                f"cannot be checked: {error}"
            )
        on_doubt(f"whether Nova has listed all instances on {host} cannot be checked: {error}")
        return again
