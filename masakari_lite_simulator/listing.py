"""Pages and times in the queries of Nova's lists."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Sequence
from typing import TypeVar

from masakari_lite_simulator import errors
from masakari_lite_simulator.clock import parse_isoformat
from masakari_lite_simulator.http import Request

T = TypeVar("T")


def page(
    request: Request, items: Sequence[T], uuid_of: Callable[[T], str], no_marker: str, max_limit: int
) -> tuple[Sequence[T], str | None]:
    """Return the page that `limit` and `marker` select, and the query of the next page, if any.

    :param no_marker: the error's text for an unknown marker, with {} for the marker
    :raises ApiError: 400
    """
    marker = request.parameters.get("marker")
    if marker is not None:
        known = [index for index, item in enumerate(items) if uuid_of(item) == marker]
        if not known:
            raise errors.bad_request(no_marker.format(marker))
        items = items[known[0] + 1 :]
    if request.truncates_after is not None:
        items = items[: request.truncates_after]
    limit = min(_limit(request, max_limit), max_limit)
    items = items[:limit]
    # Nova links to a next page whenever this one is full, even if nothing follows
    if not limit or len(items) < limit:
        return items, None
    following = {**request.parameters, "marker": uuid_of(items[-1])}
    return items, urllib.parse.urlencode(following)


def _limit(request: Request, default: int) -> int:
    text = request.parameters.get("limit")
    if text is None:
        return default
    if not text.isdecimal():
        raise errors.bad_request(
            f"Invalid input for query parameters limit. Value: {text}. '{text}' does not match '^[0-9]*$'"
        )
    return int(text)


def parse_time(request: Request, name: str) -> float | None:
    """Return a parameter that is a time, in seconds since the epoch; None when it is not given.

    :raises ApiError: 400
    """
    text = request.parameters.get(name)
    if text is None:
        return None
    try:
        return parse_isoformat(text)
    except ValueError as error:
        raise errors.bad_request(
            f"Invalid input for query parameters {name}. Value: {text}. '{text}' is not a 'date-time'"
        ) from error
