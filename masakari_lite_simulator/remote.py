"""The client of a simulator that runs in another process."""

from __future__ import annotations

from typing import Any

import requests


class RemoteSimulatorError(Exception):
    """Raised when the simulator refuses a request or does not answer."""


class RemoteSimulator:
    """Controls a running `masakari-lite-simulator` as the Python API controls one in this process.

    :param url: the simulator's control URL, http://127.0.0.1:PORT/control
    :param timeout: how long a response may take, in seconds
    """

    def __init__(self, url: str, timeout: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = timeout
        self._session = requests.Session()
        # a simulator is never behind a proxy
        self._session.trust_env = False

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def populate(self, hosts: int = 4, instances: int = 60, on_first: int = 40) -> list[str]:
        """Add hosts and instances; return the uuids of those on compute-1."""
        answer = self._call("POST", "populate", hosts=hosts, instances=instances, on_first=on_first)
        return list(answer["on_first"])

    def add_server(self, host: str, **fields: Any) -> str:
        """Add an instance, with the fields of Cloud.add_server; return its uuid."""
        return str(self._call("POST", "add-server", host=host, **fields)["uuid"])

    def fail_host(self, host: str) -> None:
        """Fail a host."""
        self._call("POST", "fail-host", host=host)

    def force_down(self, host: str, forced_down: bool = True) -> None:
        """Set or unset forced_down."""
        self._call("POST", "force-down", host=host, forced_down=forced_down)

    def no_valid_host(self, *uuids: str, share: float | None = None, times: int | None = None) -> None:
        """Let the scheduler find no host for these servers, or for a share of all evacuations."""
        self._call("POST", "no-valid-host", uuids=uuids, share=share, times=times)

    def fail_rebuild(self, *uuids: str, times: int | None = None) -> None:
        """Let the rebuild on the destination fail for these servers."""
        self._call("POST", "fail-rebuild", uuids=uuids, times=times)

    def add_fault(self, kind: str, **fault: Any) -> None:
        """Let requests of that kind suffer a fault, with the fields of Fault."""
        self._call("POST", "faults", kind=kind, **fault)

    def clear_faults(self) -> None:
        """End all faults and latencies."""
        self._call("DELETE", "faults")

    def set_latency(self, kind: str, seconds: float) -> None:
        """Delay each request of that kind by that many seconds."""
        self._call("POST", "latency", kind=kind, seconds=seconds)

    def revoke_tokens(self, user: str | None = None) -> int:
        """Revoke that user's tokens, or all; return how many there were."""
        return int(self._call("POST", "revoke-tokens", user=user)["revoked"])

    def report(self, host: str) -> dict[str, Any]:
        """Return the report on a failed host: Report.to_dict()."""
        return self._call("GET", "report", host=host)

    def requests(self) -> dict[str, Any]:
        """Return the counts of requests by kind and by user."""
        return self._call("GET", "requests")

    def options(self, **changes: Any) -> dict[str, Any]:
        """Set options, if any are given; return all."""
        return self._call("POST" if changes else "GET", "options", **changes)

    def hosts(self) -> list[dict[str, Any]]:
        """Return the hosts."""
        return list(self._call("GET", "hosts")["hosts"])

    def servers(self, host: str | None = None) -> list[dict[str, Any]]:
        """Return the instances, or those on one host."""
        return list(self._call("GET", "servers", host=host)["servers"])

    def events(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the events with a number greater than `since`, oldest first."""
        return list(self._call("GET", "events", since=since)["events"])

    def _call(self, method: str, name: str, /, **body: Any) -> dict[str, Any]:
        given: dict[str, Any] = {"params": body} if method == "GET" else {"json": body}
        try:
            response = self._session.request(method, f"{self._url}/{name}", timeout=self._timeout, **given)
            answer: dict[str, Any] = response.json()
        except (requests.RequestException, ValueError) as error:
            raise RemoteSimulatorError(f"{method} {name}: {error}") from error
        if response.status_code != 200:
            raise RemoteSimulatorError(f"{method} {name}: {answer.get('error')}")
        return answer
