"""Claims in the journal's database, for engines that share nothing else.

No clock is compared with another machine's: each engine watches the claims of the others, and takes one over
when its row has not changed, by its own clock, for the lease that is written there. Whoever holds it has
stopped acting on it by then: it counts from before the last renewal, the others from after they have seen
that. A row that changes between the last read and the takeover is not taken: the database decides, on all
nodes of a cluster alike.
"""

import dataclasses
import uuid

from oslo_config import cfg
from tooz import locking

from masakari_lite.coordination import leases
from masakari_lite.journal.claims import ClaimTable, Entry


@dataclasses.dataclass(frozen=True)
class _Sighting:
    """A claim as it was seen first.

    :ivar at: after it was read, by ``leases.now()``
    """

    entry: Entry
    at: float


class DatabaseCoordinator:
    """Gives locks, as a coordinator of tooz does."""

    def __init__(self, conf: cfg.ConfigOpts, engine_name: str, limit: int) -> None:
        """Connect not yet.

        :param engine_name: unique to this run of this engine
        :param limit: seconds to wait for an answer of the database
        """
        self.engine_name = engine_name
        self.table = ClaimTable(conf, limit)
        self._seen: dict[str, _Sighting] = {}

    def start(self) -> None:
        """Do nothing: the first statement connects."""

    def stop(self) -> None:
        """Close the connections."""
        self.table.close()

    def get_lock(self, name: bytes) -> "DatabaseLock":
        """Make a lock, which is acquired by nobody yet."""
        return DatabaseLock(self, name)

    def watch(self) -> None:
        """Read all claims, to know later how long they have not been renewed.

        :raises JournalError: when the database does not answer
        """
        entries = self.table.read_all()
        now = leases.now()
        self._seen = {entry.name: self._find_sighting(entry, now) for entry in entries}

    def has_ended(self, entry: Entry, read_at: float) -> bool:
        """Return whether a claim has not been renewed for a lease.

        :param read_at: before it was read, by ``leases.now()``
        """
        sighting = self._seen[entry.name] = self._find_sighting(entry, leases.now())
        return read_at - sighting.at >= entry.lease_time

    def _find_sighting(self, entry: Entry, now: float) -> _Sighting:
        seen = self._seen.get(entry.name)
        return seen if seen and seen.entry == entry else _Sighting(entry, now)


class DatabaseLock(locking.Lock):
    """A claim in the table, while it has this lock's owner."""

    def __init__(self, claims: DatabaseCoordinator, name: bytes) -> None:
        super().__init__(name)
        self._claims = claims
        self._key = name.decode()
        # each lock's own: a statement that comes late does nothing to a later claim of the same engine
        self._owner = f"{claims.engine_name}:{uuid.uuid4().hex[:8]}"

    def acquire(
        self, blocking: bool | float = False, shared: bool = False, timeout: float | None = None
    ) -> bool:
        """Take the claim, unless another engine has renewed it within its lease; never wait for it.

        :raises JournalError: when the database does not answer
        """
        asked_at = leases.now()
        table = self._claims.table
        found = table.read(self._key)
        if found is None:
            return table.add(self._key, self._owner)
        return self._claims.has_ended(found, asked_at) and table.take_over(found, self._owner)

    def heartbeat(self) -> bool:
        """Renew the claim; returns whether it is still this lock's.

        :raises JournalError: when the database does not answer
        """
        return self._claims.table.renew(self._key, self._owner)

    def release(self) -> bool:
        """Let others have the claim.

        :raises JournalError: when the database does not answer
        """
        return self._claims.table.remove(self._key, self._owner)
