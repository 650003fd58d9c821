"""Count what was asked of Nova and Keystone, from the log that both write."""

import collections
import dataclasses
import json
import pathlib
import re
from collections.abc import Iterator
from typing import Any

_PREFIX = re.compile(r"^/v2(\.1)?(/[0-9a-f]{32})?(?=/|$)")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}")

_Counts = dict[str, dict[str, int]]


@dataclasses.dataclass(frozen=True)
class Requests:
    """What was asked since an offset.

    :ivar offset: where the log ends now; the next count goes on from here
    :ivar nova: for each user, how often it sent which request, as ``POST /servers/{id}/action lock``;
        ``-> 409`` and the like follow when it was answered with an error
    :ivar tokens: for each user, how many tokens Keystone issued
    """

    offset: int
    nova: _Counts
    tokens: dict[str, int]


def count(path: pathlib.Path, since: int = 0) -> Requests:
    """Count the requests in the log at that path, from that offset on."""
    nova: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    tokens: collections.Counter[str] = collections.Counter()
    offset = since
    for offset, entry in read(path, since):  # noqa: B007
        user = entry.get("user") or "-"
        if entry["service"] == "nova":
            nova[user][describe(entry)] += 1
        elif _is_issued_token(entry):
            tokens[user] += 1
    return Requests(
        offset, {user: dict(counter.most_common()) for user, counter in nova.items()}, dict(tokens)
    )


def read(path: pathlib.Path, since: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
    """Read the log from an offset on; yields each request with the offset of its end.

    A request has ``time`` (s since the epoch), ``service``, ``method``, ``path``, ``query``, ``action``,
    ``user``, ``status`` and ``seconds``.
    """
    if not path.exists():
        return
    with path.open("rb") as log:
        log.seek(since)
        for line in log:
            if line.endswith(b"\n"):
                since += len(line)
                yield since, json.loads(line)


def _is_issued_token(entry: dict[str, Any]) -> bool:
    return entry["method"] == "POST" and entry["path"] == "/v3/auth/tokens" and entry.get("status") == 201


def describe(entry: dict[str, Any]) -> str:
    """Return the kind of a request: ``POST /servers/{id}/action lock``, with ``-> 409`` where refused."""
    path = _ID.sub("{id}", _PREFIX.sub("", entry["path"])) or "/"
    status = entry.get("status", 0)
    words = [entry["method"], path, entry.get("action", ""), f"-> {status}" if status >= 400 else ""]
    return " ".join(filter(None, words))
