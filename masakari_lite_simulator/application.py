"""How a request is answered: faults, routes, and the log of requests."""

from __future__ import annotations

import email.utils

from masakari_lite_simulator import errors, keystone, nova
from masakari_lite_simulator.cloud import Cloud
from masakari_lite_simulator.control import Control
from masakari_lite_simulator.faults import Fault, Faults
from masakari_lite_simulator.http import Request, Response
from masakari_lite_simulator.models import Server
from masakari_lite_simulator.requestlog import OWNER_KINDS, RequestLog, RequestRecord


class Application:
    """Answers requests to Keystone, Nova and the simulator's control API."""

    def __init__(self, cloud: Cloud, faults: Faults, log: RequestLog) -> None:
        self.cloud = cloud
        self.faults = faults
        self.log = log
        self._control = Control(cloud, faults, log)

    def __call__(self, request: Request) -> Response | None:
        """Answer a request; None means that the connection is dropped without a response."""
        response = self._respond(request)
        if response is not None and self.cloud.options.sends_date:
            response.headers.setdefault("Date", self._date(request))
        return response

    def _date(self, request: Request) -> str:
        """Return the Date header by the clock of the service that was asked."""
        is_nova = request.path.startswith("/compute")
        with self.cloud.up_to_date():
            now = self.cloud.nova_now() if is_nova else self.cloud.keystone_now()
        return email.utils.formatdate(now, usegmt=True)

    def _respond(self, request: Request) -> Response | None:
        if request.path.startswith("/control"):
            return self._control.handle(request)
        is_nova = request.path.startswith("/compute")
        route = nova.find_route(request) if is_nova else None
        if not is_nova:
            request.kind = keystone.kind_of(request)
        faults = self.faults.hit(request.kind, self._user_of(request), request.uuid)
        self._sleep(self.faults.latency(request.kind) + sum(fault.delay for fault in faults))
        request.truncates_after = _find_truncation(faults)
        response = self._find_error(faults, is_nova)
        if response is None and not any(fault.drop_before for fault in faults):
            response = self._handle(request, route)
            self._sleep(response.delay + sum(fault.delay_after for fault in faults))
        else:
            self._count(request, response.status if response else 0, None)
        if any(fault.drop_before or fault.drop_after for fault in faults):
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

    def _find_error(self, faults: list[Fault], is_nova: bool) -> Response | None:
        for fault in faults:
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
            # determined before the request changes the server
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


def _find_truncation(faults: list[Fault]) -> int | None:
    limits = [fault.truncates_after for fault in faults if fault.truncates_after is not None]
    return min(limits, default=None)
