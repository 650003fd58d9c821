"""Nova's migration records, evacuation records among them (``GET /os-migrations``)."""

import datetime

from masakari_lite.compute import responses
from masakari_lite.compute.client import NovaClient
from masakari_lite.compute.servers import Servers
from masakari_lite.models import JsonDict, Migration

_CHANGES_SINCE = "2.59"
_PAGE = 1000


class Migrations:
    """The calls of ``/os-migrations``."""

    def __init__(self, client: NovaClient, servers: Servers) -> None:
        """Build the proxy.

        :param servers: tells an instance without records from one that Nova cannot read
        """
        self._client = client
        self._servers = servers

    def list_evacuations(
        self, host: str | None = None, since: datetime.datetime | None = None
    ) -> list[Migration]:
        """List evacuation records.

        :param host: only those away from this host; None: from all hosts
        :param since: only those that changed since then (UTC); ignored before microversion 2.59
        """
        filters: JsonDict = {"migration_type": "evacuation"} | ({"source_compute": host} if host else {})
        return self._list(f"list the evacuations from {host or 'all hosts'}", filters, since)

    def list_of(self, instance_uuid: str) -> list[Migration]:
        """List all migration records of one instance, whatever their type.

        :raises CellUnavailable: when there seem to be none, and the instance's cell does not answer
        :raises InstanceNotFound: when there are none because it was deleted
        """
        what = f"list the migrations of instance {instance_uuid}"
        records = self._list(what, {"instance_uuid": instance_uuid})
        if not records:
            self._servers.get(instance_uuid)
        return records

    def list_evacuations_of(self, instance_uuid: str, host: str) -> list[Migration]:
        """List all evacuation records of one instance away from a host."""
        return [
            record
            for record in self.list_of(instance_uuid)
            if record.type == "evacuation" and record.source_host == host
        ]

    def _list(self, what: str, filters: JsonDict, since: datetime.datetime | None = None) -> list[Migration]:
        query = dict(filters)
        if self._client.has(_CHANGES_SINCE):
            query["limit"] = _PAGE
            if since:
                query["changes-since"] = responses.to_iso(since)
        return self._client.list_pages(what, "migrations", responses.to_migration, "/os-migrations", query)
