"""What one green thread does: bring one instance back.

lock ▸ evacuate ▸ confirm ▸ restore ▸ unlock, each written to the journal before its request goes out.
Safe to run again from the start after a crash at any point: every step looks first at what the journal
says may have happened, and at what Nova says did happen.
"""

import datetime
import logging

from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.compute import retries as repetition
from masakari_lite.models import Instance, JsonDict, Migration, Step, VMove, VMoveStatus
from masakari_lite.recovery import retries, states
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.locking import InstanceLock
from masakari_lite.recovery.move import Ignored, Move
from masakari_lite.recovery.restoration import describe_arrival, restore

LOG = logging.getLogger(__name__)

_LOOK_UP = 10
"""While its evacuation runs, the instance itself is looked at with every so many pictures.

And so many are waited for its error after its evacuation has failed.
"""


def evacuate(context: RecoveryContext, vmove: VMove) -> VMove:
    """Bring one instance of the failed host back, and unlock it whatever happens.

    :returns: the move as it ended: succeeded, failed or ignored, with a message that tells why
    :raises RecoveryLeft: when the engine stops, or has lost its claim, and leaves the rest, the lock too
    """
    return _Evacuation(context, vmove).run()


def release_locks(context: RecoveryContext) -> None:
    """Take our locks off where an earlier run has left them, when this one cannot go on with its moves.

    Where Nova does not do it, whoever looks for leftover locks will.
    """
    for vmove in context.journal.list_vmoves(context.notification.notification_uuid):
        if vmove.locked_by_us:
            move = Move(context.journal, context.notification, context.watcher, vmove)
            try:
                InstanceLock(context, move).take_off(endless=False)
            except exceptions.NovaError as error:
                move.log(logging.WARNING, "its lock is left for now: %s", error)
            else:
                move.note(vmove.step, locked_by_us=False)


class _Evacuation:
    """The life of one instance on its way."""

    def __init__(self, context: RecoveryContext, vmove: VMove) -> None:
        self._context = context
        self._conf = context.conf
        self._nova = context.nova
        self._watcher = context.watcher
        self._move = Move(context.journal, context.notification, context.watcher, vmove)
        self._lock = InstanceLock(context, self._move)
        self._uuid = vmove.instance_uuid
        self._ending: JsonDict = {}
        self._pictures = self._failed_pictures = 0
        self._is_begun = vmove.status is VMoveStatus.ONGOING
        # an earlier try, given up, may have brought it to where it is
        self._was_tried = vmove.attempts > 1 if self._is_begun else vmove.start_time is not None
        # after a crash a request may be on its way of which only the journal knows
        self._was_sent = self._is_begun and vmove.step in (Step.EVACUATE, Step.RESTORE)

    def run(self) -> VMove:
        try:
            self._run()
        except exceptions.JournalError:
            # the next run goes on; that may be long from now, and nobody is to be locked out meanwhile
            self._lock.take_off()
            raise
        return self._move.row

    def _run(self) -> None:
        is_left = False
        try:
            if not self._move.row.status.is_final:  # else only its lock is left of an earlier run
                self._fail(exceptions.EvacuationFailed("its green thread was ended"))
                self._try_to_bring_back()
        except (exceptions.RecoveryLeft, exceptions.JournalError):
            is_left = True  # the journal stays as it is for the next run, and has the lock
            raise
        finally:
            if not is_left:
                self._lock.end(self._ending)
                self._move.note(Step.DONE, locked_by_us=False, end_time=timeutils.utcnow())

    def _try_to_bring_back(self) -> None:
        try:
            self._conclude(VMoveStatus.SUCCEEDED, self._bring_back())
        except Ignored as reason:
            self._conclude(VMoveStatus.IGNORED, str(reason))
        except exceptions.InstanceNotFound:
            self._conclude(VMoveStatus.IGNORED, "it was deleted meanwhile")
        except (exceptions.RecoveryLeft, exceptions.JournalError):
            raise  # nothing may be asked of Nova that is not written, so nothing is known to have failed
        except exceptions.MasakariLiteError as error:
            self._leave_if_stopping(error)
            self._move.log(logging.ERROR, "not recovered: %s", error)
            self._fail(error)
        except Exception as error:
            LOG.exception("[instance: %s] unexpected", self._uuid)
            self._fail(exceptions.EvacuationFailed(f"unexpected {type(error).__name__}: {error}"))

    def _conclude(self, status: VMoveStatus, message: str, retry_at: datetime.datetime | None = None) -> None:
        """Say how the move ends; it is written before the unlocking."""
        self._ending = {"status": status, "message": message, "retry_at": retry_at}

    def _fail(self, error: Exception) -> None:
        # an evacuation that was not answered may have begun
        is_counted = retries.is_counted(error) or self._move.row.step in (Step.EVACUATE, Step.RESTORE)
        is_refused = isinstance(error, exceptions.EvacuationRefused)
        attempts = self._move.attempts + (not self._is_begun and not is_refused)
        verdict = retries.judge(self._conf, error, attempts, is_counted)
        self._conclude(VMoveStatus.FAILED, verdict.message, verdict.retry_at)
        self._ending["attempts"] = attempts - (not is_counted)

    def _bring_back(self) -> str:
        instance = self._watcher.get_instance(self._uuid)
        if instance is None:
            raise Ignored("it was deleted meanwhile")
        rule = self._decide()
        if rule.action is states.Action.IGNORE:
            raise Ignored(rule.reason)
        if rule.action is states.Action.FAIL or rule.end is None:
            raise exceptions.EvacuationRefused(rule.reason)
        _refuse_deleted(instance)
        self._begin_attempt(instance)
        if instance.host != self._move.row.source_host and not self._has_record():
            raise Ignored(f"it is on {instance.host or 'no host'} already")
        if self._is_late(instance, rule.end):
            self._move.learn(dest_host=instance.host)
            return describe_arrival(self._move.row, instance, instance.vm_state)
        self._lock.set(instance)
        if not self._is_under_way(instance):
            self._send_evacuation(instance)
        return restore(self._context, self._move, self._confirm(), rule.end)

    def _is_late(self, instance: Instance, end: states.End) -> bool:
        """Tell whether an earlier try, given up, has brought it back as it was, with nothing left to restore.

        It was unlocked since, so that its power is its owner's affair by now; unless this try had locked it
        before its engine died.
        """
        row = self._move.row
        is_ours = self._was_sent or row.locked_by_us or not self._was_tried
        is_whole = row.vm_state == end and end is not states.End.ERROR
        return instance.host != row.source_host and not is_ours and is_whole

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

    def _begin_attempt(self, instance: Instance) -> None:
        """Tell this attempt's evacuation record from older ones; one that still runs is adopted."""
        row = self._move.row
        if self._is_begun:
            return
        self._is_begun = True
        latest = self._watcher.get_evacuation(self._uuid)
        baseline = 0 if latest is None else latest.id - latest.is_running
        if self._was_tried and latest and latest.is_done and instance.host != row.source_host:
            baseline = latest.id - 1  # the last try was given up, and has arrived since
        self._move.learn(
            status=VMoveStatus.ONGOING,
            attempts=row.attempts + 1,
            migration_baseline=baseline,
            start_time=row.start_time or timeutils.utcnow(),
        )

    # evacuate

    def _send_evacuation(self, instance: Instance) -> None:
        if self._was_sent and self._appears(self._conf.wait_period_after_evacuation):
            return
        if instance.vm_state not in states.NOVA_EVACUATES:
            self._reset_state()
        self._was_sent = True
        repetition.repeat(
            self._try_to_send,
            lambda error: isinstance(error, exceptions.Retriable),
            self._conf.nova.retry_period,
            self._context.is_stopping,
        )

    def _try_to_send(self) -> None:
        """Ask once; written anew each time, as whoever goes on after a crash counts from then.

        :raises Retriable: when Nova surely does not act on it, so that it may be sent again
        """
        self._move.note(Step.EVACUATE)
        try:
            self._request_evacuation()
        except exceptions.NovaUnanswered as error:
            self._move.log(logging.INFO, "%s; looking whether Nova evacuates it", error)
            if not self._appears(0 if error.is_over else self._conf.wait_period_after_evacuation):
                raise

    def _has_record(self) -> bool:
        """Tell whether there is an evacuation record of this attempt.

        One that an engine sent just before it died may have come, and the instance with it, after the
        picture was taken.
        """
        if self._move.find_record() is None and self._was_sent:
            self._watcher.look_for_evacuations(self._uuid)
        return self._move.find_record() is not None

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
        """Show the instance when record, host and task_state agree that its evacuation has ended there."""
        record = self._move.find_record()
        if record is None or record.is_running:
            self._pictures += 1
            if self._pictures % _LOOK_UP == 0:
                # Nova takes a deleted instance's records with it, which then seem to stay as they were
                _refuse_deleted(self._watcher.see(self._uuid))
            return None
        instance = self._watcher.see(self._uuid)
        if instance and record.is_done and not self._has_arrived(instance):
            instance = self._watcher.look_again(self._uuid)
        instance = _refuse_deleted(instance)
        if not record.is_done:
            # Nova ends the record first, and writes the instance's error a moment later: 60 ms were seen. One
            # whose state was reset in the midst of it keeps the task_state for ever.
            self._failed_pictures += 1
            if instance.task_state in states.REBUILDING and self._failed_pictures < _LOOK_UP:
                return None
            raise _explain_failure(record, instance)
        return instance if self._has_arrived(instance) else None

    def _has_arrived(self, instance: Instance) -> bool:
        # any other task is its owner's: Nova lets a backup pass a lock (createBackup), and one that was asked
        # for just before the host changed was told to the dead host and never ends
        is_rebuilding = instance.task_state in states.REBUILDING
        return bool(instance.host) and instance.host != self._move.row.source_host and not is_rebuilding

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
            f"task_state {instance.task_state}; {_explain_delay(record)}"
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


def _explain_delay(record: Migration | None) -> str:
    if record and record.is_running and not record.dest_host:
        return (
            "Nova has accepted it, but its scheduler has not chosen a host: where nova-conductor and "
            "nova-scheduler work, their message was lost, and it must be evacuated by hand"
        )
    return (
        "it may still arrive (wait_period_after_evacuation is too short then), unless the other host has "
        "failed too"
    )


def _explain_failure(record: Migration, instance: Instance) -> exceptions.EvacuationFailed:
    if record.dest_host:
        fault = instance.fault or "no fault shown"
        return exceptions.EvacuationFailed(
            f"its evacuation to {record.dest_host} ended as {record.status}: {fault}"
        )
    return exceptions.NoValidHost(
        f"Nova found no host for it: {instance.fault or f'evacuation record {record.id} is {record.status}'}"
    )
