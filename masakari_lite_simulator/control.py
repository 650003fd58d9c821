"""The control API: the Python API of a cloud over HTTP, for the demo and for curl."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from masakari_lite_simulator import errors, report, scenario
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.faults import Fault, Faults
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.requestlog import RequestLog

Body = dict[str, Any]


class Control:
    """Answers requests below /control. The body of each POST, and each response, is a JSON object."""

    def __init__(self, cloud: Cloud, faults: Faults, log: RequestLog) -> None:
        self._cloud = cloud
        self._faults = faults
        self._routes: dict[tuple[str, str], Callable[[Body], Any]] = {
            ("GET", ""): lambda _body: {"controls": sorted(" ".join(key) for key in self._routes)},
            ("POST", "populate"): self._populate,
            ("POST", "add-host"): lambda body: {"host": cloud.add_host(**body).name},
            ("POST", "add-server"): lambda body: {"uuid": cloud.add_server(**body).uuid},
            ("POST", "fail-host"): lambda body: cloud.fail_host(body["host"]),
            ("POST", "start-host"): lambda body: cloud.start_host(body["host"]),
            ("POST", "force-down"): lambda body: cloud.force_down(
                body["host"], body.get("forced_down", True)
            ),
            ("POST", "enable"): lambda body: {"delay": cloud.enable(body["host"])},
            ("POST", "disable"): lambda body: {"delay": cloud.disable(body["host"], body.get("reason"))},
            ("POST", "no-valid-host"): lambda body: cloud.no_valid_host(*body.pop("uuids", ()), **body),
            ("POST", "fail-rebuild"): lambda body: cloud.fail_rebuild(*body.pop("uuids", ()), **body),
            ("POST", "fail-cell"): lambda body: cloud.fail_cell(body.get("cell", "cell1")),
            ("POST", "restore-cell"): lambda body: cloud.restore_cell(body.get("cell", "cell1")),
            ("POST", "revoke-tokens"): self._revoke_tokens,
            ("GET", "report"): lambda body: report.build_report(cloud, log, body["host"]).to_dict(),
            ("GET", "requests"): lambda _body: log.to_dict(),
            ("DELETE", "requests"): lambda _body: log.clear(),
            ("POST", "faults"): self._add_fault,
            ("DELETE", "faults"): lambda _body: faults.clear(),
            ("POST", "latency"): lambda body: faults.set_latency(body["kind"], body["seconds"]),
            ("GET", "options"): lambda _body: dataclasses.asdict(cloud.options),
            ("POST", "options"): self._set_options,
            ("GET", "hosts"): self._hosts,
            ("GET", "servers"): self._servers,
            ("GET", "migrations"): self._migrations,
            ("GET", "events"): lambda body: {"events": cloud.events_since(int(body.get("since", 0)))},
        }

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        name = request.path.removeprefix("/control").strip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            return Response(404, {"error": f"unknown control: {request.method} {name}"})
        try:
            body = dict(request.parameters) | (request.json if request.content else {})
            return Response(200, route(body) or {})
        except (KeyError, TypeError, ValueError) as error:
            return Response(400, {"error": f"{type(error).__name__}: {error}"})
        except errors.ApiError as error:
            return Response(error.status, {"error": error.message})

    def _populate(self, body: Body) -> Body:
        return {"on_first": [server.uuid for server in scenario.populate(self._cloud, **body)]}

    def _revoke_tokens(self, body: Body) -> Body:
        with self._cloud.up_to_date():
            return {"revoked": self._cloud.identity.revoke_tokens(body.get("user"))}

    def _add_fault(self, body: Body) -> None:
        self._faults.add(body.pop("kind"), Fault(**body))

    def _set_options(self, body: Body) -> Body:
        known = {field.name for field in dataclasses.fields(self._cloud.options)}
        if unknown := sorted(set(body) - known):
            raise ValueError(f"unknown option: {', '.join(unknown)}")
        for name, value in body.items():
            setattr(self._cloud.options, name, value)
        return dataclasses.asdict(self._cloud.options)

    def _hosts(self, _body: Body) -> Body:
        with self._cloud.up_to_date():
            hosts = [
                {**dataclasses.asdict(host), "up": self._cloud.is_up(host), "instances": len(on_it)}
                for host in self._cloud.hosts.values()
                for on_it in [self._cloud.servers_on(host.name)]
            ]
        return {"hosts": hosts}

    def _servers(self, body: Body) -> Body:
        with self._cloud.up_to_date():
            servers = [
                {
                    "uuid": server.uuid,
                    "name": server.name,
                    "host": server.host,
                    "vm_state": server.vm_state,
                    "task_state": server.task_state,
                    "locked_by": server.locked_by,
                    "locked_reason": server.locked_reason,
                }
                for server in self._cloud.servers.values()
                if not server.deleted and body.get("host") in (None, server.host)
            ]
        return {"servers": servers}

    def _migrations(self, _body: Body) -> Body:
        with self._cloud.up_to_date():
            return {"migrations": [dataclasses.asdict(record) for record in self._cloud.migrations]}
