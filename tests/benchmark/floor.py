"""The bare loop: lock, evacuate, one shared poll of os-migrations every 0.5 s, unlock; nothing else.

It keeps no journal, checks nothing, repeats nothing and cannot be resumed: as fast as the same Nova lets the
same number of threads be. It reads what to do from standard input and prints what came of it, both as JSON.
"""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import datetime  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import requests  # noqa: E402
from keystoneauth1 import loading, session  # noqa: E402
from novaclient import client as nova_client  # noqa: E402
from requests import adapters  # noqa: E402

_POLL_INTERVAL = 0.5
_MICROVERSION = "2.94"


class Floor:
    """The loop on all hosts."""

    def __init__(self, order: dict[str, Any]) -> None:
        options = dict(order["nova"])
        plugin = loading.get_plugin_loader(options.pop("auth_type"))
        region = options.pop("region_name", None)
        connections = requests.Session()
        size = 2 * order["threads"] * len(order["hosts"])
        connections.mount("http://", adapters.HTTPAdapter(pool_connections=2, pool_maxsize=size))
        self._nova = nova_client.Client(
            _MICROVERSION,
            session=session.Session(auth=plugin.load_from_options(**options), session=connections),
            region_name=region,
        )
        self._order = order
        self._since = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
        self._done: set[str] = set()
        self._poller: Any = None

    def run(self) -> dict[str, Any]:
        """Evacuate all instances; returns seconds."""
        begun, begun_at = time.monotonic(), time.time()
        for host in self._order["hosts"]:
            service = self._nova.services.list(host=host, binary="nova-compute")[0]
            self._nova.services.force_down(service.id, True)
        self._poller = eventlet.spawn(self._poll)
        hosts = [eventlet.spawn(self._evacuate_all, uuids) for uuids in self._order["hosts"].values()]
        for thread in hosts:
            thread.wait()  # what went wrong in it is raised here
        wall = time.monotonic() - begun
        self._poller.kill()
        return {"wall": wall, "begun": begun_at}

    def _evacuate_all(self, uuids: list[str]) -> None:
        """Evacuate the instances of one host."""
        pool = eventlet.GreenPool(self._order["threads"])
        for _ in pool.imap(self._evacuate, uuids):
            pass

    def _evacuate(self, uuid: str) -> None:
        self._nova.servers.lock(uuid)
        self._nova.servers.evacuate(uuid)
        while uuid not in self._done:
            if self._poller.dead:
                self._poller.wait()  # raises why
            eventlet.sleep(0.02)
        self._nova.servers.unlock(uuid)

    def _poll(self) -> None:
        query = f"migration_type=evacuation&changes-since={self._since:%Y-%m-%dT%H:%M:%SZ}&limit=1000"
        while True:
            url = f"/os-migrations?{query}"
            while url:
                body = self._nova.client.get(url)[1]
                for record in body["migrations"]:
                    if record["status"] in ("done", "completed"):
                        self._done.add(record["instance_uuid"])
                links = [link["href"] for link in body.get("migrations_links", ())]
                url = f"/os-migrations?{links[0].partition('?')[2]}" if links else ""
            eventlet.sleep(_POLL_INTERVAL)


if __name__ == "__main__":
    print(json.dumps(Floor(json.load(sys.stdin)).run()))
