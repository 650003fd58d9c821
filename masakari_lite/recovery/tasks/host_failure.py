"""The three tasks of a host's recovery. Each may be run again after a crash: it looks first."""

import contextlib
import datetime
import logging
from collections.abc import Iterator

from oslo_utils import timeutils
from taskflow import task

from masakari_lite import concurrency, exceptions, polling
from masakari_lite.models import ComputeService, Instance, Step, VMove, VMoveStatus
from masakari_lite.recovery import evacuation
from masakari_lite.recovery.context import RecoveryContext

LOG = logging.getLogger(__name__)


class DisableComputeServiceTask(task.Task):
    """Make sure that Nova takes the host for down, and keep the scheduler from it."""

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context

    def execute(self) -> None:
        """Wait until the service is down (or force it down), then disable it.

        In this order: disabling a dead service that Nova takes for up makes Nova wait for it, as long
        as its ``rpc_response_timeout``.

        :raises HostStillUp: when it is not down within wait_period_after_service_update
        :raises HostReturned: when it has been up since it was first seen down
        """
        context = self._context
        service = context.nova.get_compute_service(context.host)
        self._refuse_returned(service)
        if service.is_up and self._may_be_forced_down():
            context.nova.force_down(service)
        service = self._wait_until_down(service)
        if service.is_enabled:
            context.nova.disable(service, context.conf.host_failure.service_disable_reason)
        self._remember()
        context.progress.say(f"the compute service of {context.host} is down and disabled", 1.0)

    def _remember(self) -> None:
        """Note how the dead service looks, for tries of later: that it was fenced is known only of now."""
        context = self._context
        if context.notification.service_updated_at is None:
            service = context.nova.get_compute_service(context.host)
            context.journal.update_notification(context.notification, service_updated_at=service.updated_at)

    def _refuse_returned(self, service: ComputeService) -> None:
        seen = self._context.notification.service_updated_at
        if seen is not None and seen != service.updated_at:
            raise exceptions.HostReturned(
                f"the compute service of {service.host} has reported, or was changed, at "
                f"{service.updated_at}, after its recovery began ({seen}): the host may be alive, so nothing "
                "more is evacuated from it; if it is dead, fence it and notify again"
            )

    def _may_be_forced_down(self) -> bool:
        """Tell whether the service may be forced down: not long after the host was fenced and notified.

        An engine that was away for hours may come back to a host that has been repaired meanwhile.
        """
        context = self._context
        limit = context.conf.wait_period_after_service_update
        created_at = context.notification.created_at
        is_recent = created_at is not None and not timeutils.is_older_than(created_at, limit)
        return bool(context.conf.host_failure.force_down and is_recent)

    def _wait_until_down(self, service: ComputeService) -> ComputeService:
        context = self._context
        if not service.is_up:
            return service
        context.progress.say(f"waiting until Nova reports the compute service of {context.host} down", 0.0)
        limit = context.conf.wait_period_after_service_update

        def ask() -> ComputeService | None:
            if context.is_stopping():
                raise exceptions.EngineStopping("the engine stops before the host was seen down")
            found = context.nova.get_compute_service(context.host)
            return None if found.is_up else found

        try:
            return polling.wait_until(ask, context.conf.verify_interval, limit, "compute service down")
        except exceptions.WaitTimeout as error:
            raise exceptions.HostStillUp(
                f"Nova still reports the compute service of {context.host} up after {limit} s "
                "(wait_period_after_service_update), so nothing was evacuated: if the host is really dead, "
                "wait until Nova's service_down_time has passed, or fence it and force its service down, and "
                "notify again"
            ) from error


class PrepareHAEnabledInstancesTask(task.Task):
    """List the host's instances, choose and order them, and write a move for each to the journal."""

    default_provides = "vmoves"

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context

    def execute(self) -> list[VMove]:
        """Plan the moves; those of an earlier run go on, with the original states of first sight.

        :returns: the moves that have not ended, HA enabled instances first
        """
        context = self._context
        instances = {instance.uuid: instance for instance in context.watcher.open()}
        known = context.journal.list_vmoves(context.notification.notification_uuid)
        known = [self._take_up_again(vmove) for vmove in known]
        planned = {vmove.instance_uuid for vmove in known}
        last = context.journal.list_last_moves(context.host)
        new = [
            self._plan(instance, last.get(instance.uuid))
            for instance in instances.values()
            if instance.uuid not in planned
        ]
        new.sort(key=lambda vmove: not self._is_ha_enabled(instances[vmove.instance_uuid]))
        context.journal.add_vmoves(context.notification, new)
        todo = [vmove for vmove in [*known, *new] if not vmove.has_ended]
        context.progress.say(f"{len(todo)} of {len(known) + len(new)} instances are to be evacuated", 1.0)
        return todo

    def _take_up_again(self, vmove: VMove) -> VMove:
        """Plan a failed move once more when its next try is due; its first sight stays."""
        # what is due soon is tried now, so that tries of many instances come together
        soon = datetime.timedelta(seconds=self._context.conf.host_failure.evacuation_retry_interval / 4)
        if not vmove.has_ended or vmove.retry_at is None or vmove.retry_at > timeutils.utcnow() + soon:
            return vmove
        return self._context.journal.update_vmove(
            self._context.notification,
            vmove,
            status=VMoveStatus.PENDING,
            step=Step.PLANNED,
            retry_at=None,
            end_time=None,
        )

    def _plan(self, instance: Instance, last: VMove | None) -> VMove:
        origin = _Origin(instance, last)
        reason = self._find_reason_to_ignore(instance, origin.vm_state)
        return VMove(
            notification_uuid=self._context.notification.notification_uuid,
            instance_uuid=instance.uuid,
            instance_name=instance.name,
            source_host=self._context.host,
            vm_state=origin.vm_state,
            power_state=origin.power_state,
            task_state=origin.task_state,
            locked=instance.locked,
            status=VMoveStatus.IGNORED if reason else VMoveStatus.PENDING,
            message=reason,
        )

    def _find_reason_to_ignore(self, instance: Instance, vm_state: str) -> str:
        options = self._context.conf.host_failure
        if vm_state == "error" and options.ignore_instances_in_error_state:
            return "it was in error before (ignore_instances_in_error_state)"
        if not options.evacuate_all_instances and not self._is_ha_enabled(instance):
            key = options.ha_enabled_instance_metadata_key
            return f"it lacks the metadata {key}=true (evacuate_all_instances)"
        return ""

    def _is_ha_enabled(self, instance: Instance) -> bool:
        key = self._context.conf.host_failure.ha_enabled_instance_metadata_key
        return instance.metadata.get(key, "").lower() == "true"


class _Origin:
    """The state of an instance before its host failed.

    An instance that Nova put into error because its last evacuation failed is not one that was in error:
    the failed move remembers.
    """

    def __init__(self, instance: Instance, last: VMove | None) -> None:
        source: Instance | VMove = instance
        if last and instance.vm_state == "error" and self._was_touched(last):
            source = last
        self.vm_state = source.vm_state
        self.power_state = source.power_state
        self.task_state = source.task_state

    @staticmethod
    def _was_touched(last: VMove) -> bool:
        """Tell whether we may have put it into error; one that was refused by its state was not touched."""
        is_back = last.status in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)
        return not is_back and (last.attempts > 0 or last.step in (Step.RESET_STATE, Step.EVACUATE))


class EvacuateInstancesTask(task.Task):
    """Evacuate the instances, host_failure_recovery_threads at once, each locked while it moves."""

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context

    def execute(self, vmoves: list[VMove]) -> None:
        """Run every move to its end; one instance's trouble does not stop the others.

        :raises RecoveryLeft: when the engine stops, or loses its claim, before all have ended
        :raises JournalError: when a move could not be written
        """
        context = self._context
        outcomes = concurrency.run_all(
            self._evacuate, self._while_running(vmoves), context.conf.host_failure_recovery_threads
        )
        ended = 0
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                if isinstance(outcome.error, exceptions.JournalError):
                    raise outcome.error
                if not isinstance(outcome.error, exceptions.RecoveryLeft):
                    ended += 1
                    context.progress.say(_describe(outcome), ended / len(vmoves))
        if ended < len(vmoves):
            raise exceptions.RecoveryLeft(f"{len(vmoves) - ended} instances are left as the journal says")

    def _evacuate(self, vmove: VMove) -> VMove:
        return evacuation.evacuate(self._context, vmove)

    def _while_running(self, vmoves: list[VMove]) -> Iterator[VMove]:
        for vmove in vmoves:
            if self._context.is_stopping():
                return
            yield vmove


def _describe(outcome: concurrency.Outcome[VMove, VMove]) -> str:
    vmove = outcome.result
    if vmove is None:
        LOG.error("[instance: %s] lost: %s", outcome.item.instance_uuid, outcome.error)
        return f"{outcome.item.instance_uuid} {outcome.item.instance_name}: lost, {outcome.error}"
    return f"{vmove.instance_uuid} {vmove.instance_name}: {vmove.status}, {vmove.message}"
