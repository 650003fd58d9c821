"""What one green thread does: bring one instance back.

lock ▸ evacuate ▸ confirm ▸ restore ▸ unlock, each written to the journal before its request goes out.
Safe to run again from the start after a crash at any point: every step looks first at what the journal
says may have happened, and at what Nova says did happen.
"""

import logging
import time
from collections.abc import Callable

from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.models import Instance, JsonDict, Migration, PowerState, Step, VMove, VMoveStatus
from masakari_lite.recovery import states
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX, RecoveryContext

LOG = logging.getLogger(__name__)


class _Ignored(exceptions.RecoveryError):
    """Raised to end a move as ignored; the message says why."""


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
        self._vmove = vmove
        self._uuid = vmove.instance_uuid
        self._unwritten: JsonDict = {}  # goes into the journal with the next step, before its request
        # after a crash a request may be on its way of which only the journal knows
        self._may_be_sent = vmove.status is VMoveStatus.ONGOING and vmove.step is Step.EVACUATE

    def run(self) -> VMove:
        status, message = VMoveStatus.FAILED, "its green thread was ended"
        is_left = False
        try:
            status, message = self._try_to_bring_back()
        except exceptions.EngineStopping:
            is_left = True  # journal and lock stay as they are for the next start
            raise
        finally:
            if not is_left:
                self._unlock()
                self._note(
                    Step.DONE,
                    status=status,
                    message=message,
                    locked_by_us=False,
                    end_time=timeutils.utcnow(),
                )
        return self._vmove

    def _try_to_bring_back(self) -> tuple[VMoveStatus, str]:
        try:
            return VMoveStatus.SUCCEEDED, self._bring_back()
        except _Ignored as reason:
            return VMoveStatus.IGNORED, str(reason)
        except exceptions.InstanceNotFound:
            return VMoveStatus.IGNORED, "it was deleted meanwhile"
        except exceptions.MasakariLiteError as error:
            if self._context.is_stopping() and isinstance(error, exceptions.Retriable):
                raise exceptions.EngineStopping(str(error)) from error
            self._log(logging.ERROR, "not recovered: %s", error)
            return VMoveStatus.FAILED, str(error)
        except Exception as error:
            LOG.exception("[%s] [instance: %s] unexpected", self._vmove.notification_uuid, self._uuid)
            return VMoveStatus.FAILED, f"unexpected {type(error).__name__}: {error}"

    def _bring_back(self) -> str:
        instance = self._watcher.get_instance(self._uuid)
        if instance is None:
            raise _Ignored("it was deleted meanwhile")
        rule = self._decide()
        if rule.action is states.Action.IGNORE:
            raise _Ignored(rule.reason)
        if rule.action is states.Action.FAIL or rule.end is None:
            raise exceptions.EvacuationFailed(rule.reason)
        self._begin_attempt()
        if instance.host != self._vmove.source_host and self._find_record() is None:
            raise _Ignored(f"it is on {instance.host or 'no host'} already")
        self._lock(instance)
        if self._find_record() is None:
            self._send_evacuation(instance)
        arrived = self._confirm()
        return self._restore(arrived, rule.end)

    def _decide(self) -> states.Rule:
        vmove = self._vmove
        record = None
        if states.needs_migration_record(vmove.task_state):
            records = self._nova.list_migrations_of(self._uuid)
            record = max(records, key=lambda found: found.id, default=None)
        return states.decide(vmove.vm_state, vmove.task_state, vmove.power_state, vmove.source_host, record)

    def _begin_attempt(self) -> None:
        """Tell this attempt's evacuation record from older ones; one that still runs is adopted."""
        if self._vmove.status is VMoveStatus.ONGOING:
            return
        latest = self._watcher.get_evacuation(self._uuid)
        baseline = 0 if latest is None else latest.id - latest.is_running
        self._unwritten = {
            "status": VMoveStatus.ONGOING,
            "attempts": self._vmove.attempts + 1,
            "migration_baseline": baseline,
            "start_time": self._vmove.start_time or timeutils.utcnow(),
        }

    def _find_record(self) -> Migration | None:
        baseline = self._unwritten.get("migration_baseline", self._vmove.migration_baseline)
        return self._watcher.get_evacuation(self._uuid, after=baseline)

    # lock

    def _lock(self, instance: Instance) -> None:
        if instance.locked and _is_ours(instance):
            self._note(Step.LOCK, locked_by_us=True)
        elif instance.locked and not self._vmove.locked_by_us:
            self._log(logging.INFO, "is locked by somebody else, and stays so")
        elif not instance.locked:
            self._note(Step.LOCK, locked_by_us=True)
            self._nova.lock(self._uuid, self._context.locked_reason)

    def _unlock(self) -> None:
        """Take our lock off, asking until Nova has done it: no user may be left with it."""
        if not self._vmove.locked_by_us:
            return
        try:
            self._note(Step.UNLOCK)
        except exceptions.JournalError as error:
            self._log(logging.ERROR, "is unlocked without a note in the journal: %s", error)
        try:
            if not self._is_locked_by_another():
                self._nova.unlock(self._uuid)
        except exceptions.InstanceNotFound:
            self._log(logging.INFO, "was deleted, its lock with it")

    def _is_locked_by_another(self) -> bool:
        """Tell whether an administrator has put a lock of their own over ours."""
        if not self._nova.has_locked_reason:
            return False
        instance = self._watcher.get_instance(self._uuid)
        return instance is not None and instance.locked and not _is_ours(instance)

    # evacuate

    def _send_evacuation(self, instance: Instance) -> None:
        if self._may_be_sent and self._appears(self._conf.wait_period_after_evacuation):
            return
        if instance.vm_state not in states.NOVA_EVACUATES:
            self._reset_state()
        deadline = time.monotonic() + self._conf.nova.retry_period
        while True:
            self._note(Step.EVACUATE)
            try:
                self._request_evacuation()
                return
            except exceptions.NovaUnanswered as error:
                self._log(logging.WARNING, "%s; looking whether Nova evacuates it", error)
                patience = 0 if error.is_over else self._conf.wait_period_after_evacuation
                if self._appears(patience):
                    return
                if time.monotonic() >= deadline:
                    raise

    def _request_evacuation(self) -> None:
        try:
            self._nova.evacuate(self._uuid)
        except exceptions.NovaConflict as error:
            # before the fix of bug 1978983 Nova refused an instance with any task_state
            self._log(logging.INFO, "%s; its state is reset first", error)
            self._reset_state()
            self._note(Step.EVACUATE)
            self._nova.evacuate(self._uuid)

    def _reset_state(self) -> None:
        self._note(Step.RESET_STATE)
        self._nova.reset_state(self._uuid, "error")

    def _appears(self, patience: float) -> bool:
        """Tell whether an evacuation record of this attempt turns up: Nova writes it before it answers.

        :param patience: how many seconds Nova may still be at work on the request
        """
        try:
            self._watcher.wait_for(self._find_record, patience, "its evacuation record")
        except exceptions.WaitTimeout:
            self._watcher.look_for_evacuations(self._uuid)
        return self._find_record() is not None

    # confirm

    def _confirm(self) -> Instance:
        try:
            arrived = self._watcher.wait_for(
                self._see_arrival,
                self._conf.wait_period_after_evacuation,
                "the end of its evacuation",
            )
        except exceptions.WaitTimeout as error:
            raise exceptions.EvacuationFailed(self._describe_delay(error)) from error
        self._unwritten["dest_host"] = arrived.host
        return arrived

    def _see_arrival(self) -> Instance | None:
        """Show the instance when record, host, task_state and vm_state agree that it has arrived."""
        record = self._find_record()
        if record is None or record.is_running:
            return None
        instance = self._watcher.see(self._uuid)
        if instance and record.is_done and not self._has_arrived(instance):
            instance = self._watcher.look_again(self._uuid)
        if instance is None:
            raise _Ignored("it was deleted meanwhile")
        if not record.is_done:
            if instance.task_state in states.REBUILDING:
                return None  # Nova ends the record first, and writes the instance's error a moment later
            raise exceptions.EvacuationFailed(_describe_failure(record, instance))
        return instance if self._has_arrived(instance) else None

    def _has_arrived(self, instance: Instance) -> bool:
        return bool(instance.host) and instance.host != self._vmove.source_host and not instance.task_state

    def _describe_delay(self, error: exceptions.WaitTimeout) -> str:
        instance = self._watcher.look_again(self._uuid)
        if instance is None:
            raise _Ignored("it was deleted meanwhile")
        record = self._find_record()
        stands = "there is no evacuation record"
        if record:
            stands = (
                f"evacuation record {record.id} to {record.dest_host or 'no host yet'} is {record.status}"
            )
        return (
            f"{error}: {stands}, the instance is on {instance.host}, vm_state {instance.vm_state}, "
            f"task_state {instance.task_state}; it may still arrive (wait_period_after_evacuation is too "
            "short then)"
        )

    # restore

    def _restore(self, instance: Instance, end: states.End) -> str:
        """Give the instance its old state back.

        :returns: the message for the move
        """
        is_kept = self._vmove.vm_state == end.value
        message = f"evacuated to {instance.host}"
        if instance.vm_state == "error":
            if end is states.End.ERROR:  # done before a crash
                return message
            raise exceptions.EvacuationFailed(f"{message}, but it is in error there: {instance.fault}")
        if end is states.End.ACTIVE:
            self._power_on(instance)
        elif end is states.End.STOPPED or self._vmove.power_state != PowerState.RUNNING:
            self._power_off(instance)
        if end is states.End.ERROR:
            self._note(Step.RESTORE)
            self._nova.reset_state(self._uuid, "error")
        return message if is_kept else f"{message}, {end} there: it was {self._describe_origin()}"

    def _describe_origin(self) -> str:
        vmove = self._vmove
        return f"{vmove.vm_state} ({vmove.task_state})" if vmove.task_state else vmove.vm_state

    def _power_on(self, instance: Instance) -> None:
        if instance.vm_state != "active":
            self._request_power(self._nova.start)
            self._await_vm_state(instance, "active", self._conf.wait_period_after_power_on)

    def _power_off(self, instance: Instance) -> None:
        if instance.vm_state != "stopped":
            self._request_power(self._nova.stop)
            self._await_vm_state(instance, "stopped", self._conf.wait_period_after_power_off)

    def _request_power(self, request: Callable[[str], None]) -> None:
        self._note(Step.RESTORE)
        try:
            request(self._uuid)
        except exceptions.NovaConflict as error:
            # a repeated request finds the first one under way
            self._log(logging.INFO, "%s; waiting for what is under way", error)

    def _await_vm_state(self, arrived: Instance, vm_state: str, period: float) -> None:
        def has_arrived() -> bool | None:
            instance = self._watcher.see(self._uuid)
            if instance is None:
                raise _Ignored("it was deleted meanwhile")
            return (instance.vm_state == vm_state and not instance.task_state) or None

        try:
            self._watcher.wait_for(has_arrived, period, f"vm_state {vm_state}")
        except exceptions.WaitTimeout as error:
            raise exceptions.EvacuationFailed(f"evacuated to {arrived.host}, but {error}") from error

    # journal and log

    def _note(self, step: Step, **changes: object) -> None:
        """Write a step to the journal, with what was learned since the last one."""
        changes = self._unwritten | changes
        self._vmove = self._context.journal.update_vmove(self._vmove, step=step, **changes)
        self._unwritten = {}
        self._log(logging.INFO, "%s%s", step, f" ({changes['message']})" if changes.get("message") else "")

    def _log(self, level: int, message: str, *arguments: object) -> None:
        LOG.log(
            level,
            f"[%s] [instance: %s] {message}",
            self._vmove.notification_uuid,
            self._uuid,
            *arguments,
        )


def _is_ours(instance: Instance) -> bool:
    return (instance.locked_reason or "").startswith(LOCKED_REASON_PREFIX)


def _describe_failure(record: Migration, instance: Instance) -> str:
    if record.dest_host:
        fault = instance.fault or "no fault shown"
        return f"its evacuation to {record.dest_host} ended as {record.status}: {fault}"
    return (
        f"Nova found no host for it: {instance.fault or f'evacuation record {record.id} is {record.status}'}"
    )
