"""Which engine had which host when, as their logs tell it, and who acted without."""

import dataclasses
import datetime
import re
from collections.abc import Iterable

from tests.harness.oracle import Invariant, Violation
from tests.several.crew import Member
from tests.several.site import Site

_TAKEN_UP = re.compile(r"^(\S+ \S+) (\d+) .*events.* (?:Resuming the recovery of|Recovering) host (\S+)")


# whoever wakes up writes within so many seconds what it was about to write when it was frozen
_AFTER_WAKING = 1.5


@dataclasses.dataclass(frozen=True, order=True)
class Takeover:
    """That an engine has taken a host up.

    :ivar time: as ``time.time()``; the claim was made a little earlier
    :ivar is_belated: it may be long ago, as the engine was frozen before it could write of it
    """

    time: float
    user: str
    is_belated: bool = False


def read(crew: Iterable[Member]) -> dict[str, list[Takeover]]:
    """Read who took up what, by host, the earliest first."""
    found: dict[str, list[Takeover]] = {}
    for member in crew:
        for line in member.read_log().splitlines():
            if match := _TAKEN_UP.match(line):
                moment = datetime.datetime.fromisoformat(match[1]).timestamp()
                pid = int(match[2])
                is_belated = any(
                    woken == pid and 0 <= moment - at < _AFTER_WAKING for woken, at in member.wakings
                )
                found.setdefault(match[3], []).append(Takeover(moment, member.users[pid], is_belated))
    return {host: sorted(takeovers) for host, takeovers in found.items()}


def find_owners(takeovers: dict[str, list[Takeover]], host: str, moment: float) -> set[str]:
    """Tell who may have had a host at that moment: one, unless a belated take-over leaves it open."""
    owners: set[str] = set()
    for takeover in takeovers.get(host, []):
        if takeover.time > moment:
            break
        owners = {takeover.user} | (owners if takeover.is_belated else set())
    return owners


def judge_requests(site: Site, crew: Iterable[Member]) -> list[Violation]:
    """List the changes that an engine asked for on a host that another one had claimed."""
    takeovers = read(crew)
    found = []
    for record in site.list_changes():
        host = site.sources[record.uuid or ""]
        owners = find_owners(takeovers, host, record.time)
        if owners and record.user not in owners:
            what = f"asked for {record.kind} of {record.uuid} when {' or '.join(sorted(owners))} had {host}"
            found.append(Violation(Invariant.ONE_OWNER, str(record.user), what))
    return found
