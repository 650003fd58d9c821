"""Make a cloud whole again between two scenarios: all computes up and enabled, no servers."""

import concurrent.futures
import contextlib
import time

from tools.devcloud import database
from tools.devcloud.cloud import Cloud, JsonDict
from tools.devcloud.errors import GaveUpError, RequestError

_LIMIT = 180.0
_PATIENCE = 5.0
"""Seconds in which a compute that was told of its status acts on it."""
_DISABLED_TRAIT = "COMPUTE_STATUS_DISABLED"


class Healing:
    """One healing of a cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._started = time.monotonic()
        self._since = cloud.now()
        self._restarted: set[str] = set()
        self._told_at: dict[str, float] = {}

    def run(self) -> str:
        """Heal the cloud; returns what was done.

        :raises GaveUpError: when it can't be healed within three minutes
        """
        self._restarted = {host for host in self._hosts() if self._cloud.start_compute(host)}
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            deleting = pool.submit(self._delete_servers)
            services = pool.submit(self._heal_services)
            services.result()
            count = deleting.result()
        seconds = time.monotonic() - self._started
        restarted = ", ".join(sorted(self._restarted)) or "none"
        return f"{count} servers deleted, computes restarted: {restarted}; {seconds:.1f} s"

    def _hosts(self) -> list[str]:
        return self._cloud.settings.hosts

    def _heal_services(self) -> None:
        self._cloud.wait_for(self._have_reported, "the restarted computes to report", _LIMIT)
        self._complete_evacuations()
        for host in self._hosts():
            service = self._cloud.service(host)
            if service["forced_down"]:
                self._cloud.update_service(host, forced_down=False)
            if service["status"] != "enabled":
                self._tell(host, "enabled")
        self._cloud.wait_for(self._are_up, "the computes to be up", _LIMIT)
        self._cloud.wait_for(self._are_offered, "Placement to offer all hosts", _LIMIT, pause=0.5)

    def _have_reported(self) -> bool:
        return self._cloud.have_reported(self._restarted, self._since)

    def _complete_evacuations(self) -> None:
        """Mark evacuations completed that the restarted source has left.

        A returning compute completes the evacuations away from it, but one that is under way then goes on and
        ends as "done"; and as long as one is that, Nova refuses to lift forced_down.
        """
        schema = self._cloud.settings.database_prefix + "nova"
        database.run_sql(
            self._cloud.settings,
            f"UPDATE `{schema}`.migrations SET status = 'completed' WHERE migration_type = 'evacuation' "
            "AND status IN ('accepted', 'pre-migrating', 'done')",
        )

    def _are_up(self) -> bool:
        services = self._cloud.compute_services()
        return all(services[host]["state"] == "up" for host in self._hosts())

    def _are_offered(self) -> bool:
        """The scheduler shuns a host that keeps the trait, for a minute at most.

        One does that was told to disable itself while it was dead, and found that in its queue. To set its
        status again has the compute remove it at once. Not again and again: what it has not acted on waits
        in its queue, and would give it the trait once more later.
        """
        shunned = [host for host in self._hosts() if self._has_disabled_trait(host)]
        for host in shunned:
            if time.monotonic() - self._told_at.get(host, 0.0) > _PATIENCE:
                self._tell(host, "disabled", "enabled")
        return not shunned

    def _tell(self, host: str, *statuses: str) -> None:
        for status in statuses:
            self._cloud.update_service(host, status=status)
        self._told_at[host] = time.monotonic()

    def _has_disabled_trait(self, host: str) -> bool:
        admin = self._cloud.admin
        providers = admin.request("placement", "GET", "/resource_providers", name=host)["resource_providers"]
        path = f"/resource_providers/{providers[0]['uuid']}/traits"
        return _DISABLED_TRAIT in admin.request("placement", "GET", path, version="1.6")["traits"]

    def _delete_servers(self) -> int:
        """Delete all servers, those again that don't go away; returns how many there were."""
        asked: dict[str, float] = {}
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            while servers := self._cloud.servers():
                if time.monotonic() > self._started + _LIMIT:
                    raise GaveUpError(f"{len(servers)} servers can't be deleted: {servers[0]['id']} ...")
                now = time.monotonic()
                due = [server for server in servers if now > asked.get(server["id"], 0) + 20]
                again = [server["id"] in asked for server in due]
                list(pool.map(self._delete, due, again))
                asked |= {server["id"]: now for server in due}
                time.sleep(0.4)
        return len(asked)

    def _delete(self, server: JsonDict, again: bool) -> None:
        with contextlib.suppress(RequestError):
            if again:  # a task that has lost its process keeps the server from being deleted
                self._cloud.admin.action(server["id"], "os-resetState", {"state": "error"})
            self._cloud.admin.nova("DELETE", f"/servers/{server['id']}")
