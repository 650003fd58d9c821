"""What one green thread does: evacuate one instance.

lock ▸ evacuate ▸ confirm ▸ restore ▸ unlock, each step written to the journal before its request is sent.
Safe to run again from the start after a crash at any point: every step checks first what the journal
says may have happened, and what Nova says did happen.
"""

import datetime
import logging

from masakari_lite import exceptions
from masakari_lite.models import Instance, JsonDict, Step, VMove, VMoveStatus
from masakari_lite.reasons import Reason, find_reason
from masakari_lite.recovery import late_requests, retries
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import states
from masakari_lite.recovery.host.confirmation import Confirmation
from masakari_lite.recovery.host.request import EvacuationRequest
from masakari_lite.recovery.host.restoration import describe_arrival, restore
from masakari_lite.recovery.locking import InstanceLock
from masakari_lite.recovery.resume import find_resume_point
from masakari_lite.recovery.vmoves import Ignored, TrackedVMove, describe_move, refuse_deleted

LOG = logging.getLogger(__name__)


def evacuate(context: RecoveryContext, vmove: VMove, is_record_enough: bool = True) -> VMove:
    """Evacuate one instance of the failed host, and unlock it whatever happens.

    :param is_record_enough: whether an evacuation record may tell that the instance has arrived, where there
        is nothing to restore; the vmove is unverified then
    :returns: the vmove, unverified or with its final status: succeeded, failed or ignored, and a message that
        tells why
    :raises RecoveryLeft: when the engine stops, or has lost its claim, and leaves the rest, the lock too
    """
    return _Evacuation(context, vmove, is_record_enough).run()


class _Evacuation:
    """The evacuation of one instance."""

    def __init__(self, context: RecoveryContext, vmove: VMove, is_record_enough: bool) -> None:
        self._context = context
        self._conf = context.conf
        self._clock = context.journal.clock
        self._nova = context.nova
        self._poller = context.poller
        self._vmove = TrackedVMove(context.journal, context.notification, context.poller, vmove)
        self._lock = InstanceLock(context, self._vmove)
        self._resume_point = find_resume_point(vmove)
        self._is_begun = self._resume_point.is_begun
        self._request = EvacuationRequest(context, self._vmove, self._resume_point.may_be_sent)
        self._ending: JsonDict = {}
        self._is_record_enough = is_record_enough
        self._is_unverified = is_record_enough and vmove.is_unverified

    def run(self) -> VMove:
        try:
            self._run()
        except exceptions.JournalError:
            # the next run resumes; that may be long from now, and nobody is to be locked out meanwhile
            self._lock.remove()
            raise
        return self._vmove.row

    def _run(self) -> None:
        is_left = False
        try:
            # else only its lock is left of an earlier run
            if not self._resume_point.is_completed and not self._is_unverified:
                self._fail(exceptions.EvacuationFailed("its green thread was ended"))
                self._bring_back_or_fail()
        except (exceptions.RecoveryLeft, exceptions.JournalError):
            is_left = True  # the journal stays as it is for the next run, and has the lock
            raise
        finally:
            if not is_left and self._is_unverified:
                self._vmove.write_step(Step.UNLOCK, **self._ending, **self._describe_end())
                self._lock.remove()
            elif not is_left:
                self._lock.complete(self._ending)
                self._vmove.write_step(Step.DONE, locked_by_us=False, **self._describe_end())

    def _describe_end(self) -> JsonDict:
        end: JsonDict = {"end_time": self._clock.now()}
        if self._vmove.may_have_late_requests:
            end["recheck_at"] = late_requests.find_recheck_time(self._conf, self._clock)
        return end

    def _bring_back_or_fail(self) -> None:
        try:
            self._conclude_arrival(*self._bring_back())
        except Ignored as ignored:
            self._conclude(VMoveStatus.IGNORED, ignored.reason, str(ignored))
        except exceptions.InstanceNotFound:
            self._conclude(VMoveStatus.IGNORED, Reason.DELETED, "it was deleted meanwhile")
        except (exceptions.RecoveryLeft, exceptions.JournalError):
            raise  # nothing may be asked of Nova that is not written, so nothing is known to have failed
        except exceptions.MasakariLiteError as error:
            self._leave_if_stopping(error)
            self._vmove.log(logging.ERROR, "not recovered: %s", error)
            is_refused = isinstance(error, exceptions.EvacuationRefused)
            self._fail(error, self._request.restore_state(is_refused))
        except Exception as error:
            LOG.exception("[instance: %s] unexpected error", self._vmove.uuid)
            self._fail(exceptions.EvacuationFailed(f"unexpected {type(error).__name__}: {error}"))
            self._ending["reason"] = Reason.UNEXPECTED

    def _conclude_arrival(self, message: str, is_verified: bool = True) -> None:
        self._is_unverified = not is_verified
        if is_verified:
            self._conclude(VMoveStatus.SUCCEEDED, Reason.EVACUATED, message)
        else:
            self._ending = {"message": message}

    def _conclude(
        self, status: VMoveStatus, reason: str, message: str, retry_at: datetime.datetime | None = None
    ) -> None:
        """Set the final status; it is written before the instance is unlocked."""
        self._ending = {"status": status, "reason": reason, "message": message, "retry_at": retry_at}

    def _fail(self, error: Exception, remark: str = "") -> None:
        # an evacuation that was not answered may have begun
        may_be_sent = self._vmove.row.step in (Step.EVACUATE, Step.RESTORE)
        is_counted = retries.is_counted(error) or (may_be_sent and not self._request.is_by_down_cell(error))
        is_refused = isinstance(error, exceptions.EvacuationRefused)
        attempts = self._vmove.attempts + (not self._is_begun and not is_refused)
        verdict = retries.judge(self._conf, self._clock, error, attempts, is_counted)
        self._conclude(VMoveStatus.FAILED, find_reason(error), verdict.message + remark, verdict.retry_at)
        self._ending["attempts"] = attempts - (not is_counted)

    def _leave_if_stopping(self, error: exceptions.MasakariLiteError) -> None:
        """Do not repeat requests to Nova while the engine stops: the next start does."""
        if self._context.is_stopping() and isinstance(error, exceptions.Retriable):
            raise exceptions.EngineStopping(str(error)) from error

    def _bring_back(self) -> tuple[str, bool]:
        """Evacuate the instance.

        :returns: a message that tells where it is, and whether Nova was asked for the instance itself
        """
        with self._nova.beginning.taken():
            instance, end = self._begin()
            if self._has_arrived_before(instance, end):
                self._vmove.keep(dest_host=instance.host)
                return describe_arrival(self._vmove.row, instance, instance.vm_state), True
            self._lock.set(instance)
            self._request.send_unless_under_way(instance)
        arrival = Confirmation(self._context, self._vmove, self._is_told_by_record(instance, end)).wait_for()
        if arrival.instance is None:
            return f"evacuated to {arrival.host}", False
        return restore(self._context, self._vmove, arrival.instance, end), True

    def _begin(self) -> tuple[Instance, states.End]:
        """Find the instance as it is now, and in which state it is to be at the end.

        :raises Ignored: when nothing is to be done with it
        :raises RecoveryLeft: when the engine has begun to stop meanwhile
        """
        if self._context.is_stopping():
            raise exceptions.EngineStopping("it was not begun")
        instance = self._find_instance()
        if instance is None:
            raise Ignored(Reason.DELETED, "it was deleted meanwhile")
        end = self._require_end()
        refuse_deleted(instance)
        self._begin_attempt(instance)
        if instance.host != self._vmove.row.source_host and not self._request.has_record():
            raise Ignored(Reason.MOVED_BEFORE, describe_move(instance))
        return instance, end

    def _find_instance(self) -> Instance | None:
        uuid, is_idle = self._vmove.uuid, not self._vmove.row.task_state
        if is_idle and not self._is_begun and not self._resume_point.was_attempted:
            return self._poller.get_untouched_instance(uuid)
        return self._poller.get_instance(uuid)

    def _is_told_by_record(self, instance: Instance, end: states.End) -> bool:
        """Return whether the instance may be unlocked by what its evacuation record says.

        That is where Nova itself leaves it as it was, and no request of ours was left without an answer. A
        lock without a reason could not be told from its owner's by whoever resumes.

        :param instance: as it was before the request
        """
        row = self._vmove.row
        is_kept = end is not states.End.ERROR and row.vm_state == instance.vm_state == end
        is_idle = not (row.task_state or instance.task_state)
        is_sure = not self._vmove.may_have_late_requests and not self._request.has_reset_state
        return (
            self._is_record_enough
            and is_kept
            and is_idle
            and is_sure
            and self._nova.servers.has_locked_reason
        )

    def _require_end(self) -> states.End:
        """Return in which state the instance is to be at the end.

        :raises Ignored: when nothing is to be done with it
        :raises EvacuationRefused: when an operator has to decide
        """
        row = self._vmove.row
        record = None
        if states.needs_migration_record(row.task_state):
            # our own evacuation, when this is a second run, is not what was under way at first sight
            records = self._nova.migrations.list_of(row.instance_uuid)
            others = [found for found in records if found.type != "evacuation"]
            record = max(others, key=lambda found: found.id, default=None)
        rule = states.decide(row.vm_state, row.task_state, row.power_state, row.source_host, record)
        if rule.action is states.Action.IGNORE:
            raise Ignored(Reason.STATE, rule.reason)
        if rule.action is states.Action.FAIL or rule.end is None:
            raise exceptions.EvacuationRefused(rule.reason)
        return rule.end

    def _has_arrived_before(self, instance: Instance, end: states.End) -> bool:
        """Return whether an earlier attempt has brought it back as it was, with nothing to restore.

        It was unlocked since, so that its power is its owner's affair by now; unless this attempt had locked
        it before its engine died.
        """
        row, point = self._vmove.row, self._resume_point
        is_ours = point.may_be_sent or row.locked_by_us or not point.was_attempted
        is_whole = row.vm_state == end and end is not states.End.ERROR
        return instance.host != row.source_host and not is_ours and is_whole

    def _begin_attempt(self, instance: Instance) -> None:
        """Separate this attempt's evacuation record from older ones; one that still runs is adopted."""
        row = self._vmove.row
        if self._is_begun:
            return
        self._is_begun = True
        latest = self._poller.get_evacuation(row.instance_uuid)
        baseline = 0 if latest is None else latest.id - latest.is_running
        was_attempted = self._resume_point.was_attempted
        if was_attempted and latest and latest.is_done and instance.host != row.source_host:
            baseline = latest.id - 1  # the last attempt was given up, and has arrived since
        self._vmove.keep(
            status=VMoveStatus.ONGOING,
            attempts=row.attempts + 1,
            migration_baseline=baseline,
            start_time=row.start_time or self._clock.now(),
        )
