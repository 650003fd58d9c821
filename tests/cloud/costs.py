"""What the recoveries cost: time, requests to Nova, Keystone's tokens; the table at the end of the run."""

import datetime
import os
from typing import Any

from tools.devcloud.cloud import Cloud

JsonDict = dict[str, Any]

HEADING = (
    "What the recoveries cost: seconds from the notification's arrival to its end; requests to Nova an "
    "instance, in sum and by kind; Keystone's tokens since the notification; the machine's load"
)
_COLUMNS = "{:9} {:>9} {:>8} {:>9} {:>6} {:>5}  {}"


class Meter:
    """Counts what one scenario's recoveries cost."""

    def __init__(self, cloud: Cloud, scenario: str) -> None:
        self._cloud = cloud
        self._scenario = scenario
        self._offset = 0
        self.lines: list[str] = []

    def start(self) -> None:
        """Count from here."""
        self._offset = self._cloud.request_offset()

    def stop(self, ended: JsonDict, instances: int) -> None:
        """Note what a notification that has ended has cost, from its sending on."""
        requests = self._cloud.requests(self._offset)
        kinds = requests.nova.get(self._cloud.masakari.user, {})
        total = f"{sum(kinds.values()) / instances:.2f}" if instances and kinds else "-"
        # without a log nothing is known of either
        tokens = requests.tokens.get(self._cloud.masakari.user, 0) if requests.offset else "-"
        load = f"{os.getloadavg()[0]:.1f}"
        seconds = f"{_seconds_of(ended):.1f}"
        row = (ended["status"], instances, seconds, total, tokens, load, self._scenario)
        self.lines += [_COLUMNS.format(*row), *_describe(kinds, instances)]


def head() -> str:
    """Return the names of the columns."""
    return _COLUMNS.format("ended", "instances", "seconds", "requests", "tokens", "load", "scenario")


def _describe(kinds: dict[str, int], instances: int) -> list[str]:
    """Tell how often each request was sent an instance, the most frequent first."""
    texts = [f"{_shorten(kind)} {number / instances:.2f}" for kind, number in kinds.items() if instances]
    return ["    " + ", ".join(texts[first : first + 5]) for first in range(0, len(texts), 5)]


def _shorten(kind: str) -> str:
    return kind.removeprefix("POST /servers/{id}/action ")


def _seconds_of(ended: JsonDict) -> float:
    created, updated = (datetime.datetime.fromisoformat(ended[name]) for name in ("created_at", "updated_at"))
    return (updated - created).total_seconds()
