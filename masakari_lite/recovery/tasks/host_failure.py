"""The three tasks of a host's recovery. Each may be run again after a crash: it looks first."""

import contextlib
import datetime
import logging
from collections.abc import Iterator

from oslo_utils import timeutils
from taskflow import task

from masakari_lite import concurrency, exceptions, polling
from masakari_lite.models import ComputeService, VMove
from masakari_lite.recovery import evacuation
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.planning import Planner

LOG = logging.getLogger(__name__)

# seconds after its arrival in which a notification is news, however short the other waiting is
_RECENT = 180
# remembered of a service that we are about to change, and so know no updated_at of
_CHANGED_BY_US = ""


class DisableComputeServiceTask(task.Task):
    """Make sure that Nova takes the host for down, and keep the scheduler from it."""

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context
        self._seen = context.notification.service_updated_at

    def execute(self) -> None:
        """Wait until the service is down (or force it down), then disable it.

        In this order: disabling a dead service that Nova takes for up makes Nova wait for it, as long
        as its ``rpc_response_timeout``.

        :raises HostStillUp: when it is not down within wait_period_after_service_update
        :raises HostReturned: when it has reported since an earlier try ended, or long after the notification
        """
        context = self._context
        service = context.nova.get_compute_service(context.host)
        self._refuse_returned(service)
        if service.is_up and self._may_be_forced_down():
            self._remember(_CHANGED_BY_US)
            context.nova.force_down(service)
        service = self._wait_until_down(service)
        self._refuse_late_report(service)
        if service.is_enabled:
            self._remember(_CHANGED_BY_US)
            context.nova.disable(service, context.conf.host_failure.service_disable_reason)
        if not self._seen:
            # for tries of later: that the host was fenced is known only of now
            self._remember(context.nova.get_compute_service(context.host).updated_at)
        context.progress.say(f"the compute service of {context.host} is down and disabled", 1.0)

    def _remember(self, updated_at: str) -> None:
        """Note how the service looks: whether it is alive is told by whether it will have reported since."""
        self._seen = updated_at
        self._context.journal.update_notification(self._context.notification, service_updated_at=self._seen)

    def _refuse_late_report(self, service: ComputeService) -> None:
        """Refuse a host that has reported long after it was said to have failed, and is down now.

        Nothing is remembered where an engine was stopped, or away, while it waited for the host to be down.
        """
        created_at = self._context.notification.created_at
        if self._seen is not None or created_at is None or not service.updated_at:
            return
        patience = self._context.conf.wait_period_after_service_update + _RECENT
        updated_at = timeutils.normalize_time(timeutils.parse_isotime(service.updated_at))
        if updated_at > created_at + datetime.timedelta(seconds=patience):
            raise exceptions.HostReturned(
                f"the compute service of {service.host} has reported, or was changed, at "
                f"{service.updated_at}, long after the notification came ({created_at}): the host may be "
                "alive, so nothing is evacuated from it; if it is dead, fence it and notify again"
            )

    def _refuse_returned(self, service: ComputeService) -> None:
        if self._seen and self._seen != service.updated_at:
            raise exceptions.HostReturned(
                f"the compute service of {service.host} has reported, or was changed, at "
                f"{service.updated_at}, after an earlier try ({self._seen}): the host may be alive, so "
                "nothing more is evacuated from it; if it is dead, fence it and notify again"
            )

    def _may_be_forced_down(self) -> bool:
        """Tell whether the service may be forced down: not long after the host was fenced and notified.

        An engine that was away for hours may come back to a host that has been repaired meanwhile.
        """
        context = self._context
        limit = max(context.conf.wait_period_after_service_update, _RECENT)
        created_at = context.notification.created_at
        is_recent = created_at is not None and not timeutils.is_older_than(created_at, limit)
        return bool(context.conf.host_failure.force_down and is_recent)

    def _wait_until_down(self, service: ComputeService) -> ComputeService:
        context = self._context
        if not service.is_up:
            return service
        context.progress.say(f"waiting until Nova reports the compute service of {context.host} down", 0.0)
        limit = context.conf.wait_period_after_service_update
        last = service

        def ask() -> ComputeService | None:
            nonlocal last
            if context.is_stopping():
                raise exceptions.EngineStopping("the engine stops before the host was seen down")
            last = context.nova.get_compute_service(context.host)
            return None if last.is_up else last

        try:
            return polling.wait_until(ask, context.conf.verify_interval, limit, "compute service down")
        except exceptions.WaitTimeout as error:
            # a service that reports on is alive, and that it is stopped later proves nothing
            self._remember(last.updated_at)
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
        vmoves = Planner(self._context).plan()
        todo = [vmove for vmove in vmoves if not vmove.has_ended]
        self._context.progress.say(f"{len(todo)} of {len(vmoves)} instances are to be evacuated", 1.0)
        return todo


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
