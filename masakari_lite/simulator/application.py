"""From a request to its answer: faults, routes, and the count of what came."""

from __future__ import annotations

from masakari_lite.simulator import errors, keystone, nova
from masakari_lite.simulator.cloud import Cloud
from masakari_lite.simulator.control import Control
from masakari_lite.simulator.faults import Fault, Faults
from masakari_lite.simulator.http import Request, Response
from masakari_lite.simulator.models import Server
from masakari_lite.simulator.requestlog import OWNER_KINDS, RequestLog, RequestRecord


class Application:
    """Answers requests to Keystone, Nova and the simulator's own control."""

    def __init__(self, cloud: Cloud, faults: Faults, log: RequestLog) -> None:
        self.cloud = cloud
        self.faults = faults
        self.log = log
        self._control = Control(cloud, faults, log)

    def __call__(self, request: Request) -> Response | None:
        """Answer a request; None means that the connection is dropped without an answer."""
        if request.path.startswith("/control"):
            return self._control.handle(request)
        is_nova = request.path.startswith("/compute")
        route = nova.find_route(request) if is_nova else None
        if not is_nova:
            request.kind = keystone.kind_of(request)
        struck = self.faults.strike(request.kind, self._user_of(request), request.uuid)
        self._sleep(self.faults.latency(request.kind) + sum(fault.delay for fault in struck))
        response = self._instead(struck, is_nova)
        if response is None and not any(fault.drop_before for fault in struck):
            response = self._handle(request, route)
            self._sleep(response.delay + sum(fault.delay_after for fault in struck))
        else:
            self._count(request, response.status if response else 0, None)
        if any(fault.drop_before or fault.drop_after for fault in struck):
            return None
        return response

    def _user_of(self, request: Request) -> str | None:
        try:
            with self.cloud.up_to_date():
                token = self.cloud.identity.validate(request.headers.get("x-auth-token"), self.cloud.now)
        except errors.ApiError:
            return None
        request.user = token.user.name
        return request.user

    def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.cloud.clock.sleep(seconds)

    def _instead(self, struck: list[Fault], is_nova: bool) -> Response | None:
        for fault in struck:
            if fault.status is not None:
                error_class = errors.ApiError if is_nova else errors.KeystoneError
                response = Response(fault.status, error_class(fault.status, fault.message).body())
                if fault.retry_after is not None:
                    response.headers["Retry-After"] = f"{fault.retry_after:g}"
                return response
        return None

    def _handle(self, request: Request, route: nova.Route | None) -> Response:
        with self.cloud.up_to_date():
            server = self.cloud.servers.get(request.uuid or "")
            # looked at before the request changes it
            phase = self._phase(request, server)
            try:
                response = self._answer(request, route)
            except errors.ApiError as error:
                response = Response(error.status, error.body())
                if error.status == 401:
                    response.headers["WWW-Authenticate"] = f'Keystone uri="{request.base_url}/identity/v3"'
            if route is not None:
                response.headers = {**nova.version_headers(request), **response.headers}
            self._count(request, response.status, phase)
        return response

    def _answer(self, request: Request, route: nova.Route | None) -> Response:
        if route is None:
            return keystone.handle(self.cloud, request)
        return nova.handle(self.cloud, request, route)

    def _phase(self, request: Request, server: Server | None) -> str | None:
        if server is None or request.kind not in OWNER_KINDS:
            return None
        request.locked_for_owner = server.locked
        if server.locked_by == "admin":
            return "while_locked"
        return "after_lock" if server.was_locked_by_admin else "before_lock"

    def _count(self, request: Request, status: int, phase: str | None) -> None:
        is_owner = request.token is not None and not request.token.is_admin
        outcome = "passed" if 200 <= status < 400 else "refused"
        if status == 409 and request.locked_for_owner:
            outcome = "refused_locked"
        self.log.add(
            RequestRecord(
                time=self.cloud.clock.wall(self.cloud.now),
                user=request.user,
                kind=request.kind,
                uuid=request.uuid,
                status=status,
                outcome=outcome,
                phase=phase if is_owner else None,
                during_evacuation=bool(self.cloud.running.get(request.uuid or "")),
            )
        )


def answer_bytes(response: Response, request_id: str, is_nova: bool) -> bytes:
    """Return an answer as it goes over the wire."""
    content = response.content()
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}"]
    headers = {"Content-Type": "application/json", **response.headers, "x-openstack-request-id": request_id}
    if is_nova:
        headers["x-compute-request-id"] = request_id
    if response.status != 204:
        headers["Content-Length"] = str(len(content))
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    300: "Multiple Choices",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    406: "Not Acceptable",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
