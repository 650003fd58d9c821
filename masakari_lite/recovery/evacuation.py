"""What one green thread does: bring one instance back.

lock ▸ evacuate ▸ confirm ▸ restore ▸ unlock, each written to the journal before its request goes out.
Safe to run again from the start after a crash at any point: every step looks first at what the journal
says may have happened, and at what Nova says did happen.
"""

import logging
import time

from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.models import Instance, JsonDict, Migration, Step, VMove, VMoveStatus
from masakari_lite.recovery import states
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX, RecoveryContext
from masakari_lite.recovery.move import Ignored, Move
from masakari_lite.recovery.restoration import restore

LOG = logging.getLogger(__name__)


def evacuate(context: RecoveryContext, vmove: VMove) -> VMove:
    """Bring one instance of the failed host back, and unlock it whatever happens.

    :returns: the move as it ended: succeeded, failed or ignored, with a message that tells why
    :raises EngineStopping: when the engine stops and leaves the rest, the lock too, to its next start
    """
    return _Evacuation(context, vmove).run()


class _Evacuation:
    """The life of one instance on its way."""

    def __init__(self, context: RecoveryContext, vmove: VMove) -> None:
        self._context = context
        self._conf = context.conf
        self._nova = context.nova
        self._watcher = context.watcher
        self._move = Move(context.journal, context.watcher, vmove)
        self._uuid = vmove.instance_uuid
        self._ending: JsonDict = {}
        # after a crash a request may be on its way of which only the journal knows
        self._may_be_sent = vmove.status is VMoveStatus.ONGOING and vmove.step is Step.EVACUATE

    def run(self) -> VMove:
        try:
            self._run()
        except exceptions.JournalError:
            # the next run goes on; that may be long from now, and nobody is to be locked out meanwhile
            self._take_lock_off()
            raise
        return self._move.row

    def _run(self) -> None:
        is_left = False
        try:
            if not self._move.row.status.is_final:  # else only its lock is left of an earlier run
                self._conclude(VMoveStatus.FAILED, "its green thread was ended")
                self._conclude(*self._try_to_bring_back())
        except (exceptions.EngineStopping, exceptions.JournalError):
            is_left = True  # the journal stays as it is for the next run, and has the lock
            raise
        finally:
            if not is_left:
                self._unlock()
                self._move.note(Step.DONE, locked_by_us=False, end_time=timeutils.utcnow())

    def _conclude(self, status: VMoveStatus, message: str) -> None:
        """Say how the move ends; written before the unlocking, after which the owner may do anything."""
        self._ending = {"status": status, "message": message}

    def _try_to_bring_back(self) -> tuple[VMoveStatus, str]:
        try:
            return VMoveStatus.SUCCEEDED, self._bring_back()
        except Ignored as reason:
            return VMoveStatus.IGNORED, str(reason)
        except exceptions.InstanceNotFound:
            return VMoveStatus.IGNORED, "it was deleted meanwhile"
        except exceptions.JournalError:
            raise  # nothing may be asked of Nova that is not written, so nothing is known to have failed
        except exceptions.MasakariLiteError as error:
            self._leave_if_stopping(error)
            self._move.log(logging.ERROR, "not recovered: %s", error)
            return VMoveStatus.FAILED, str(error)
        except Exception as error:
            LOG.exception("[instance: %s] unexpected", self._uuid)
            return VMoveStatus.FAILED, f"unexpected {type(error).__name__}: {error}"

    def _bring_back(self) -> str:
        instance = self._watcher.get_instance(self._uuid)
        if instance is None:
            raise Ignored("it was deleted meanwhile")
        rule = self._decide()
        if rule.action is states.Action.IGNORE:
            raise Ignored(rule.reason)
        if rule.action is states.Action.FAIL or rule.end is None:
            raise exceptions.EvacuationFailed(rule.reason)
        _refuse_deleted(instance)
        self._begin_attempt()
        if instance.host != self._move.row.source_host and self._move.find_record() is None:
            raise Ignored(f"it is on {instance.host or 'no host'} already")
        self._lock(instance)
        if not self._is_under_way(instance):
            self._send_evacuation(instance)
        arrived = self._confirm()
        return restore(self._context, self._move, arrived, rule.end)

    def _leave_if_stopping(self, error: exceptions.MasakariLiteError) -> None:
        """Nova is not asked again and again while the engine stops: the next start does."""
        if self._context.is_stopping() and isinstance(error, exceptions.Retriable):
            raise exceptions.EngineStopping(str(error)) from error

    def _decide(self) -> states.Rule:
        vmove = self._move.row
        record = None
        if states.needs_migration_record(vmove.task_state):
            # our own evacuation, when this is a second run, is not what was under way at first sight
            others = [
                found for found in self._nova.list_migrations_of(self._uuid) if found.type != "evacuation"
            ]
            record = max(others, key=lambda found: found.id, default=None)
        return states.decide(vmove.vm_state, vmove.task_state, vmove.power_state, vmove.source_host, record)

    def _begin_attempt(self) -> None:
        """Tell this attempt's evacuation record from older ones; one that still runs is adopted."""
        row = self._move.row
        if row.status is VMoveStatus.ONGOING:
            return
        latest = self._watcher.get_evacuation(self._uuid)
        baseline = 0 if latest is None else latest.id - latest.is_running
        self._move.learn(
            status=VMoveStatus.ONGOING,
            attempts=row.attempts + 1,
            migration_baseline=baseline,
            start_time=row.start_time or timeutils.utcnow(),
        )

    # lock

    def _lock(self, instance: Instance) -> None:
        if instance.locked and _is_ours(instance):
            self._move.note(Step.LOCK, locked_by_us=True)
        elif instance.locked and not self._move.row.locked_by_us:
            self._move.log(logging.INFO, "is locked by somebody else, and stays so")
        elif not instance.locked:
            self._move.note(Step.LOCK, locked_by_us=True)
            try:
                self._nova.lock(self._uuid, self._context.locked_reason)
            except (exceptions.NovaForbidden, exceptions.NovaBadRequest, exceptions.NovaConflict):
                self._move.learn(locked_by_us=False)  # surely not set, so there is nothing to take off
                raise

    def _unlock(self) -> None:
        """Take our lock off, asking until Nova has done it: no user may be left with it."""
        if not self._move.is_locked_by_us:
            self._move.learn(**self._ending)
            return
        self._move.note(Step.UNLOCK, **self._ending)
        self._take_lock_off()

    def _take_lock_off(self) -> None:
        if not self._move.is_locked_by_us:
            return
        try:
            if not self._is_locked_by_another():
                self._nova.unlock(self._uuid)
        except exceptions.InstanceNotFound:
            self._move.log(logging.INFO, "was deleted, its lock with it")
        except exceptions.NovaError as error:
            # asked until the engine stops; the next start goes on
            raise exceptions.EngineStopping(str(error)) from error

    def _is_locked_by_another(self) -> bool:
        """Tell whether an administrator has put a lock of their own over ours."""
        if not self._nova.has_locked_reason:
            return False
        try:
            instance = self._watcher.get_instance(self._uuid)
        except exceptions.NovaError:
            instance = self._nova.get_instance(self._uuid, endless=True)
        return instance is not None and instance.locked and not _is_ours(instance)

    # evacuate

    def _send_evacuation(self, instance: Instance) -> None:
        if self._may_be_sent and self._appears(self._conf.wait_period_after_evacuation):
            return
        if instance.vm_state not in states.NOVA_EVACUATES:
            self._reset_state()
        deadline = time.monotonic() + self._conf.nova.retry_period
        while True:
            self._move.note(Step.EVACUATE)
            try:
                self._request_evacuation()
                return
            except exceptions.NovaUnanswered as error:
                self._move.log(logging.WARNING, "%s; looking whether Nova evacuates it", error)
                patience = 0 if error.is_over else self._conf.wait_period_after_evacuation
                if self._appears(patience):
                    return
                if time.monotonic() >= deadline:
                    raise

    def _is_under_way(self, instance: Instance) -> bool:
        """Tell whether an evacuation runs or ran that nobody may double: ours, or somebody else's.

        A list with changes-since lacks a record that was never updated, so where the instance looks like
        one that is rebuilt its records are asked for.
        """
        if self._move.find_record() is None and instance.task_state in states.REBUILDING:
            self._watcher.look_for_evacuations(self._uuid)
        return self._move.find_record() is not None

    def _request_evacuation(self) -> None:
        try:
            self._nova.evacuate(self._uuid)
        except exceptions.NovaConflict as error:
            # before the fix of bug 1978983 Nova refused an instance with any task_state
            self._move.log(logging.INFO, "%s; its state is reset first", error)
            # to reset a soft-deleted one and evacuate it would bring it back from the dead
            if self._is_under_way(_refuse_deleted(self._watcher.look_again(self._uuid))):
                return
            self._reset_state()
            self._move.note(Step.EVACUATE)
            self._nova.evacuate(self._uuid)

    def _reset_state(self) -> None:
        self._move.note(Step.RESET_STATE)
        self._nova.reset_state(self._uuid, "error")

    def _appears(self, patience: float) -> bool:
        """Tell whether an evacuation record of this attempt turns up: Nova writes it before it answers.

        :param patience: how many seconds Nova may still be at work on the request
        """
        try:
            self._watcher.wait_for(self._move.find_record, patience, "its evacuation record")
        except exceptions.WaitTimeout:
            self._watcher.look_for_evacuations(self._uuid)
        return self._move.find_record() is not None

    # confirm

    def _confirm(self) -> Instance:
        try:
            arrived = self._watcher.wait_for(
                self._see_arrival,
                self._conf.wait_period_after_evacuation,
                "the end of its evacuation",
            )
        except exceptions.WaitTimeout as error:
            self._watcher.look_for_evacuations(self._uuid)  # with clocks too far apart a list lacks it
            late = self._see_arrival()
            if late is None:
                raise exceptions.EvacuationFailed(self._describe_delay(error)) from error
            arrived = late
        self._move.learn(dest_host=arrived.host)
        return arrived

    def _see_arrival(self) -> Instance | None:
        """Show the instance when record, host and task_state agree that it has arrived."""
        record = self._move.find_record()
        if record is None or record.is_running:
            return None
        instance = self._watcher.see(self._uuid)
        if instance and record.is_done and not self._has_arrived(instance):
            instance = self._watcher.look_again(self._uuid)
        instance = _refuse_deleted(instance)
        if not record.is_done:
            if instance.task_state in states.REBUILDING:
                return None  # Nova ends the record first, and writes the instance's error a moment later
            raise exceptions.EvacuationFailed(_describe_failure(record, instance))
        return instance if self._has_arrived(instance) else None

    def _has_arrived(self, instance: Instance) -> bool:
        return bool(instance.host) and instance.host != self._move.row.source_host and not instance.task_state

    def _describe_delay(self, error: exceptions.WaitTimeout) -> str:
        instance = _refuse_deleted(self._watcher.look_again(self._uuid))
        record = self._move.find_record()
        stands = "there is no evacuation record"
        if record:
            stands = (
                f"evacuation record {record.id} to {record.dest_host or 'no host yet'} is {record.status}"
            )
        return (
            f"{error}: {stands}, the instance is on {instance.host}, vm_state {instance.vm_state}, "
            f"task_state {instance.task_state}; it may still arrive (wait_period_after_evacuation is too "
            "short then), unless the other host has failed too"
        )


def _refuse_deleted(instance: Instance | None) -> Instance:
    """Hand the instance on, unless it is deleted by now or about to be.

    :raises Ignored: when it is
    """
    if instance is None:
        raise Ignored("it was deleted meanwhile")
    if instance.vm_state == "soft-delete" or instance.task_state in ("deleting", "soft-deleting"):
        raise Ignored("its owner has deleted it meanwhile")
    return instance


def _is_ours(instance: Instance) -> bool:
    return (instance.locked_reason or "").startswith(LOCKED_REASON_PREFIX)


def _describe_failure(record: Migration, instance: Instance) -> str:
    if record.dest_host:
        fault = instance.fault or "no fault shown"
        return f"its evacuation to {record.dest_host} ended as {record.status}: {fault}"
    return (
        f"Nova found no host for it: {instance.fault or f'evacuation record {record.id} is {record.status}'}"
    )
