"""The vmove of one instance, in memory as it is in the journal."""

import logging

from masakari_lite.compute.poller import HostPoller
from masakari_lite.journal.store import Journal
from masakari_lite.models import Instance, JsonDict, Migration, Notification, Step, VMove
from masakari_lite.reasons import Reason
from masakari_lite.recovery.resume import find_resume_point

LOG = logging.getLogger(__name__)


class TrackedVMove:
    """A row of the journal of which every step is written before its request is sent."""

    def __init__(
        self, journal: Journal, notification: Notification, poller: HostPoller, vmove: VMove
    ) -> None:
        self._journal = journal
        self._notification = notification
        self._poller = poller
        self._row = vmove
        self._unwritten: JsonDict = {}
        self.may_have_late_requests = find_resume_point(vmove).may_be_late

    @property
    def row(self) -> VMove:
        """The vmove as the journal has it."""
        return self._row

    @property
    def uuid(self) -> str:
        """The instance's uuid."""
        return self._row.instance_uuid

    @property
    def attempts(self) -> int:
        """How many attempts were begun."""
        return int(self._unwritten.get("attempts", self._row.attempts))

    @property
    def is_locked_by_us(self) -> bool:
        """Whether a lock of ours may be on the instance."""
        return bool(self._unwritten.get("locked_by_us", self._row.locked_by_us))

    def keep(self, **changes: object) -> None:
        """Keep changes that need no write of their own: they are written with the next step."""
        self._unwritten |= changes

    def write_step(self, step: Step, **changes: object) -> None:
        """Write a step to the journal, with what was kept since the last one.

        :raises JournalError: when it could not be written, so that its request must not be sent
        :raises ClaimLost: when another engine has claimed the notification: likewise
        """
        changes = self._unwritten | changes
        self._row = self._journal.vmoves.update(self._notification, self._row, step=step, **changes)
        self._unwritten = {}
        self.log(logging.INFO, "%s%s", step, f" ({changes['message']})" if changes.get("message") else "")

    def expect_late_requests(self) -> None:
        """Note that Nova may still carry out a request that it has not answered."""
        self.may_have_late_requests = True

    def log(self, level: int, message: str, *arguments: object) -> None:
        """Log a line that carries the notification's and the instance's uuid."""
        prefixed = f"[%s] [instance: %s] {message}"
        LOG.log(level, prefixed, self._row.notification_uuid, self.uuid, *arguments)

    @property
    def migration_baseline(self) -> int:
        """The id of the last evacuation record that is not this attempt's."""
        return int(self._unwritten.get("migration_baseline", self._row.migration_baseline))

    def find_record(self) -> Migration | None:
        """Find this attempt's evacuation record, as last seen."""
        return self._poller.get_evacuation(self.uuid, after=self.migration_baseline)


class Ignored(Exception):
    """Raised to end a vmove as ignored; the message says why.

    :ivar reason: the same as a code
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def describe_move(instance: Instance) -> str:
    """Return where an instance is that was not evacuated by us."""
    return f"it is on {instance.host or 'no host'} already"


def refuse_deleted(instance: Instance | None) -> Instance:
    """Hand the instance on, unless it is deleted by now or about to be.

    :raises Ignored: when it is
    """
    if instance is None:
        raise Ignored(Reason.DELETED, "it was deleted meanwhile")
    if instance.vm_state == "soft-delete" or instance.task_state in ("deleting", "soft-deleting"):
        raise Ignored(Reason.DELETED, "its owner has deleted it meanwhile")
    return instance
