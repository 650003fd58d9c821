"""Requests and responses, as the handlers use them."""

from __future__ import annotations

import dataclasses
import functools
import json
import urllib.parse
from typing import Any

from masakari_lite_simulator import errors
from masakari_lite_simulator.models import Token

Version = tuple[int, int]

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


@dataclasses.dataclass
class Request:
    """A request, with header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes
    base_url: str
    # for a port of one service alone: its URL, and the prefix that was added to the path
    port_url: str = ""
    prefix: str = ""
    # set while the request is handled
    kind: str = "unknown"
    uuid: str | None = None
    user: str | None = None
    token: Token | None = None
    version: Version = (2, 1)
    locked_for_owner: bool = False
    denied: tuple[str, ...] = ()
    truncates_after: int | None = None

    def url_of(self, path: str) -> str:
        """Return the URL of a path at the port that received this request."""
        if self.prefix and path.startswith(self.prefix):
            return self.port_url + path.removeprefix(self.prefix)
        return self.base_url + path

    @functools.cached_property
    def parameters(self) -> dict[str, str]:
        """The query's parameters; of a repeated one, the last."""
        return dict(urllib.parse.parse_qsl(self.query, keep_blank_values=True))

    @functools.cached_property
    def json(self) -> Any:
        """The body.

        :raises ApiError: 400 when it is not a JSON object
        """
        try:
            body = json.loads(self.content)
        except ValueError as error:
            raise errors.bad_request("Malformed request body") from error
        if not isinstance(body, dict):
            raise errors.bad_request("Malformed request body")
        return body

    @property
    def caller(self) -> Token:
        """The token of the request; only for handlers behind the token check."""
        assert self.token is not None
        return self.token

    def require_admin(self, rule: str) -> None:
        """Refuse a caller without the admin role.

        :raises ApiError: 403 that names the policy rule
        """
        if not self.may(rule):
            raise errors.policy_forbids(rule)

    def may(self, rule: str) -> bool:
        """Return True when the caller has the admin role and is not denied that policy."""
        return self.caller.is_admin and rule not in self.denied


@dataclasses.dataclass
class Response:
    """A response. A body that is not text is sent as JSON; it is sent `delay` seconds late."""

    status: int
    body: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    delay: float = 0.0

    def content(self) -> bytes:
        """Return the body's bytes."""
        if self.body is None:
            return b""
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return text.encode()


def encode(response: Response, request_id: str, is_nova: bool) -> bytes:
    """Return a response as HTTP/1.1 bytes."""
    content = response.content()
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Status')}"]
    headers = {"Content-Type": "application/json", **response.headers, "x-openstack-request-id": request_id}
    if is_nova:
        headers["x-compute-request-id"] = request_id
    if response.status != 204:
        headers["Content-Length"] = str(len(content))
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content
