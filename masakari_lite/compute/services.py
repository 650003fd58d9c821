"""Nova's services: nova-compute on each host, and the schedulers, which tell the time."""

from urllib import parse

from masakari_lite import clocks, exceptions
from masakari_lite.compute import cells, responses
from masakari_lite.compute.client import NovaClient
from masakari_lite.models import ComputeService, JsonDict

_DOWN_CELLS = "2.69"
# the last that changes a service by the name of its host, in the cell of that host; for a UUID one cell is
# asked after the other, and the first that does not answer ends that
_BY_HOST = "2.52"
_BINARY = "nova-compute"


class ComputeServices:
    """The calls of ``/os-services``."""

    def __init__(self, client: NovaClient) -> None:
        self._client = client

    def get(self, host: str) -> ComputeService:
        """Fetch the nova-compute service of a host (``GET /os-services``).

        :raises CellUnavailable: when the host's cell did not answer for ``[nova] retry_period``
        :raises ComputeServiceNotFound: when Nova has none
        """
        for service in self._list(f"list the compute service of {host}", {"host": host}):
            if service["host"] == host:
                return responses.to_service(service)
        services = self.list_all("list the names of the hosts")
        # before 2.69 the services of a cell that does not answer are left out
        is_complete = self._client.has(_DOWN_CELLS) and not any(map(responses.is_unknown, services))
        raise cells.explain_unknown_host(host, [service["host"] for service in services], is_complete)

    def list_all(self, what: str) -> list[JsonDict]:
        """List the nova-compute services of all hosts, as Nova shows them.

        :param what: it is done for, in words, for messages
        """
        return self._list(what, {})

    def can_read_cell_of(self, host: str) -> bool:
        """Return whether the cell of a host answers Nova now (``GET /os-services``, sent once)."""
        try:
            return bool(self._list(f"read the cell of {host}", {"host": host}, patient=False))
        except exceptions.NovaError:
            return False

    def read_clock(self) -> clocks.Reading:
        """Return the time at Nova: when one of its schedulers has reported last (``GET /os-services``).

        There are few of them, however large the cloud is, and without one nothing can be evacuated. Where
        none is shown, as the cell that has them does not answer, any service will do.

        :raises NovaUnavailable: when none is up
        """

        def read() -> clocks.Reading:
            asked_at = clocks.steady()
            services = self._client.api.services
            found = services.list(binary="nova-scheduler") or services.list()
            shown = [service.to_dict() for service in found]
            return self._client.clock.read(shown, clocks.steady() - asked_at)

        return self._client.repeat("list the schedulers", read)

    def force_down(self, service: ComputeService) -> None:
        """Have Nova take the service for down at once (``PUT /os-services/force-down``)."""
        self._client.change(
            f"force down the compute service of {service.host}",
            lambda: self._client.at(_BY_HOST).services.force_down(service.host, _BINARY, True),
        )

    def disable(self, service: ComputeService, reason: str) -> None:
        """Keep the scheduler from the host.

        Not for a service that is dead but still reported up: Nova then waits for it as long as its
        ``rpc_response_timeout``.

        :param reason: shown by Nova; empty for none
        """

        def request() -> None:
            services = self._client.at(_BY_HOST).services
            if reason:
                services.disable_log_reason(service.host, _BINARY, reason)
            else:  # Nova takes no empty one
                services.disable(service.host, _BINARY)

        self._client.change(f"disable the compute service of {service.host}", request)

    def enable(self, service: ComputeService) -> None:
        """Let the scheduler use the host again, once its service is up."""
        self._client.change(
            f"enable the compute service of {service.host}",
            lambda: self._client.at(_BY_HOST).services.enable(service.host, _BINARY),
        )

    def _list(self, what: str, filters: JsonDict, patient: bool = True) -> list[JsonDict]:
        query = parse.urlencode({"binary": _BINARY, **filters})

        def fetch() -> list[JsonDict]:
            services: list[JsonDict] = self._client.api.client.get(f"/os-services?{query}")[1]["services"]
            for service in services:
                responses.to_host(service)
                if filters:
                    responses.to_service(service)  # one whose cell does not answer is asked for again
            return services

        return self._client.repeat(what, fetch, patient=patient)
