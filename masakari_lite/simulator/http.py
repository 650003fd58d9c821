"""One request and its answer, as the routes see them."""

from __future__ import annotations

import dataclasses
import functools
import json
import urllib.parse
from typing import Any

from masakari_lite.simulator import errors
from masakari_lite.simulator.models import Token

Version = tuple[int, int]


@dataclasses.dataclass
class Request:
    """A request, with header names in lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    content: bytes
    base_url: str
    # found out on the way
    kind: str = "unknown"
    uuid: str | None = None
    user: str | None = None
    token: Token | None = None
    version: Version = (2, 1)
    locked_for_owner: bool = False

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
        """Whose request this is; only routes behind the token check may ask."""
        assert self.token is not None
        return self.token

    def require_admin(self, rule: str) -> None:
        """Refuse a caller without the admin role.

        :raises ApiError: 403 that names the policy rule
        """
        if not self.caller.is_admin:
            raise errors.policy_forbids(rule)


@dataclasses.dataclass
class Response:
    """An answer. A body that is not text yet is sent as JSON; `delay` is seconds it is held back for."""

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
