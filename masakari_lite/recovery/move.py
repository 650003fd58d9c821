"""The move of one instance, in memory as it is in the journal."""

import logging

from masakari_lite.compute.watcher import HostWatcher
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict, Migration, Notification, Step, VMove

LOG = logging.getLogger(__name__)


class Move:
    """A journal row of which every step is written before its request goes out."""

    def __init__(
        self, journal: Journal, notification: Notification, watcher: HostWatcher, vmove: VMove
    ) -> None:
        self._journal = journal
        self._notification = notification
        self._watcher = watcher
        self._vmove = vmove
        self._unwritten: JsonDict = {}

    @property
    def row(self) -> VMove:
        """The move as the journal has it."""
        return self._vmove

    @property
    def uuid(self) -> str:
        """The instance's uuid."""
        return self._vmove.instance_uuid

    @property
    def attempts(self) -> int:
        """How many tries were begun."""
        return int(self._unwritten.get("attempts", self._vmove.attempts))

    @property
    def is_locked_by_us(self) -> bool:
        """Whether a lock of ours may be on the instance."""
        return bool(self._unwritten.get("locked_by_us", self._vmove.locked_by_us))

    def learn(self, **changes: object) -> None:
        """Keep changes that need no write of their own: they go with the next step, before its request."""
        self._unwritten |= changes

    def note(self, step: Step, **changes: object) -> None:
        """Write a step to the journal, with what was learned since the last one.

        :raises JournalError: when it could not be written, so that its request must not go out
        :raises ClaimLost: when another engine has taken the recovery up: likewise
        """
        changes = self._unwritten | changes
        self._vmove = self._journal.update_vmove(self._notification, self._vmove, step=step, **changes)
        self._unwritten = {}
        self.log(logging.INFO, "%s%s", step, f" ({changes['message']})" if changes.get("message") else "")

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Log a line that carries the notification's and the instance's uuid."""
        prefixed = f"[%s] [instance: %s] {message}"
        LOG.log(level, prefixed, self._vmove.notification_uuid, self.uuid, *arguments)

    def find_record(self) -> Migration | None:
        """Find this attempt's evacuation record, as last seen."""
        baseline = self._unwritten.get("migration_baseline", self._vmove.migration_baseline)
        return self._watcher.get_evacuation(self.uuid, after=baseline)


class Ignored(Exception):
    """Raised to end a move as ignored; the message says why."""
