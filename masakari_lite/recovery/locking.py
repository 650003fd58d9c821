"""Our lock on an instance: set while it is evacuated, distinguished from all others, never left behind."""

import logging
import math
import time

from oslo_utils import uuidutils

from masakari_lite import exceptions
from masakari_lite.journal.store import Journal
from masakari_lite.models import Instance, JsonDict, Step, VMove
from masakari_lite.recovery import late_requests
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX, RecoveryContext, build_locked_reason
from masakari_lite.recovery.resume import find_lock_step
from masakari_lite.recovery.vmoves import TrackedVMove


def names_us(instance: Instance) -> bool:
    """Return whether a lock looks like an engine's, by its ``locked_reason`` (microversion 2.73).

    It proves nothing: the owner of an instance may write any reason. See ``find_locking_vmove()``.
    """
    return instance.locked and (instance.locked_reason or "").startswith(LOCKED_REASON_PREFIX)


def find_locking_vmove(journal: Journal, instance: Instance) -> VMove | None:
    """Find the vmove for which an instance is locked, in the journal; None when the lock is not ours."""
    if not names_us(instance):
        return None
    notification_uuid = (instance.locked_reason or "").rpartition(" ")[2]
    if not uuidutils.is_uuid_like(notification_uuid):
        return None
    vmove = journal.vmoves.find(notification_uuid, instance.uuid)
    is_ours = (
        vmove is not None
        and vmove.may_hold_our_lock
        and instance.locked_reason == build_locked_reason(vmove.notification_uuid)
    )
    return vmove if is_ours else None


_REFUSALS = (
    exceptions.NovaForbidden,
    exceptions.NovaNotSupported,
    exceptions.NovaBadRequest,
    exceptions.NovaConflict,
)


class InstanceLock:
    """The lock of one vmove."""

    def __init__(self, context: RecoveryContext, vmove: TrackedVMove) -> None:
        self._context = context
        self._nova = context.nova
        self._poller = context.poller
        self._vmove = vmove
        self._seen_at = -math.inf  # when the lock was surely ours

    def set(self, instance: Instance) -> None:
        """Lock the instance, unless somebody else has.

        :param instance: as it was a moment ago
        """
        # what an engine asked for just before it died may still come: the next one must know, too
        step = find_lock_step(self._vmove.row)
        if self._is_mine(instance):
            self._vmove.write_step(step, locked_by_us=True)
            self._seen_at = time.monotonic()
        elif instance.locked and find_locking_vmove(self._context.journal, instance) is None:
            self._log_foreign_lock(instance)
        else:  # a lock that another recovery has left is taken over, with our reason
            self._vmove.write_step(step, locked_by_us=True)
            try:
                self._nova.servers.lock(
                    self._vmove.uuid, self._context.locked_reason, self._vmove.expect_late_requests
                )
            except _REFUSALS:
                self._vmove.keep(locked_by_us=False)  # surely not set, so there is nothing to remove
                raise
            self._seen_at = time.monotonic()

    def complete(self, ending: JsonDict) -> None:
        """Write the final status, then unlock: no user may be left with the lock.

        :param ending: the vmove's last changes; written first, as afterwards the owner may do anything
        :raises RecoveryLeft: when Nova did not do it before the engine stopped
        """
        if not self._vmove.is_locked_by_us:
            self._vmove.keep(**ending)
            return
        self._vmove.write_step(Step.UNLOCK, **ending)
        self.remove()

    def remove(self, endless: bool = True) -> None:
        """Unlock, unless the lock is somebody else's by now.

        :param endless: ask until Nova has done it, not only for ``[nova] retry_period``
        :raises RecoveryLeft: when Nova did not do it before the engine stopped
        :raises NovaError: when Nova did not do it; not when endless
        """
        if not self._vmove.is_locked_by_us:
            return
        try:
            if not self._is_locked_by_another(endless):
                with self._nova.unlocking.taken():
                    self._nova.servers.unlock(self._vmove.uuid, endless)
        except exceptions.InstanceNotFound:
            self._vmove.log(logging.INFO, "was deleted, its lock with it")
        except exceptions.NovaError as error:
            if not endless:
                raise
            # asked until the engine stops; the next start resumes
            raise exceptions.EngineStopping(str(error)) from error

    def _is_locked_by_another(self, endless: bool) -> bool:
        """Return whether an administrator has put a lock of their own over ours."""
        is_fresh = time.monotonic() - self._seen_at < self._context.check_period
        if is_fresh or not self._nova.servers.has_locked_reason:
            return False
        try:
            instance = self._poller.get_instance(self._vmove.uuid)
        except exceptions.NovaError:
            instance = self._nova.servers.get(self._vmove.uuid, endless)
        return instance is not None and instance.locked and not self._is_mine(instance)

    def _log_foreign_lock(self, instance: Instance) -> None:
        if names_us(instance):
            self._vmove.log(
                logging.WARNING,
                "is locked with the reason %r, but this journal has no such lock: it is left as it is",
                instance.locked_reason,
            )
        else:
            self._vmove.log(logging.INFO, "is locked by somebody else: the lock is left as it is")

    def _is_mine(self, instance: Instance) -> bool:
        if self._nova.servers.has_locked_reason:
            is_named = instance.locked_reason == self._context.locked_reason
            return instance.locked and is_named and self._vmove.row.may_hold_our_lock
        return instance.locked and self._vmove.row.locked_by_us


def release_locks(context: RecoveryContext) -> None:
    """Remove our locks that an earlier run has left, when this one cannot resume its vmoves.

    Those that Nova does not remove are removed by the check for stale locks.
    """
    for vmove in context.journal.vmoves.list_of(context.notification.notification_uuid):
        if vmove.locked_by_us:
            tracked = TrackedVMove(context.journal, context.notification, context.poller, vmove)
            try:
                InstanceLock(context, tracked).remove(endless=False)
            except exceptions.NovaError as error:
                tracked.log(logging.WARNING, "its lock is left for now: %s", error)
            else:
                recheck_at = late_requests.find_recheck_time(context.conf, context.journal.clock)
                tracked.write_step(vmove.step, locked_by_us=False, recheck_at=recheck_at)
