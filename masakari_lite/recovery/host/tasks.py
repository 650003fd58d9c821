"""The three tasks of a host's recovery; each may be run again after a crash, and checks what was done."""

import contextlib
import datetime
import functools
import logging
import math
from collections.abc import Iterator

from oslo_utils import timeutils
from taskflow import task

from masakari_lite import concurrency, exceptions, polling
from masakari_lite.models import ComputeService, VMove
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import evacuation
from masakari_lite.recovery.host.planning import Planner
from masakari_lite.recovery.host.verification import Verification

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
        self._arrived_at = context.notification.arrived_at
        self._seen = context.notification.service_updated_at
        self._is_known = self._seen is not None

    def execute(self) -> None:
        """Wait until the service is down (or force it down), then disable it.

        In this order: disabling a dead service that Nova takes for up makes Nova wait for it, as long
        as its ``rpc_response_timeout``.

        :raises HostStillUp: when it is not down within wait_period_after_service_update
        :raises HostReturned: when it has reported since an earlier attempt, or long after the notification
        """
        context = self._context
        service = self._find_service()
        self._refuse_returned(service)
        self._note_arrival()
        if service.is_up and self._may_be_forced_down():
            self._remember(_CHANGED_BY_US)
            context.nova.services.force_down(service)
        service = self._wait_until_down(service)
        self._refuse_late_report(service)
        if service.is_enabled:
            self._remember(_CHANGED_BY_US)
            context.nova.services.disable(service, _read_reason(context))
        if not self._seen:
            # for retries: that the host was fenced is known only of now
            self._remember(self._find_service().updated_at)
        context.progress.say(f"the compute service of {context.host} is down and disabled", 1.0)

    def _find_service(self) -> ComputeService:
        try:
            service = self._context.nova.services.get(self._context.host)
        except exceptions.ComputeServiceNotFound as error:
            if not self._is_known:
                raise
            raise exceptions.CellUnavailable(f"{error}; it was seen before") from error
        self._is_known = True
        return service

    def _remember(self, updated_at: str) -> None:
        """Keep the time of the last report: a host that has reported since is alive."""
        self._seen = updated_at
        self._write(service_updated_at=self._seen)

    def _write(self, **changes: object) -> None:
        self._context.journal.notifications.update(self._context.notification, **changes)

    def _note_arrival(self) -> None:
        """Find out when the notification came, by Nova's clock, unless that is unknown.

        Once, at the beginning: whatever the journal's clock jumps by from now on, or however long this
        machine stops, Nova's clock shows how much time has passed.
        """
        if self._arrived_at is not None or self._seen is not None:
            return
        clock = self._context.journal.clock
        age = clock.find_greatest_age(self._context.notification.created_at or clock.now())
        if not math.isinf(age):
            self._arrived_at = self._tell_time() - datetime.timedelta(seconds=age)
            self._write(arrived_at=self._arrived_at)

    def _tell_time(self) -> datetime.datetime:
        return self._context.nova.services.read_clock().moment

    def _refuse_late_report(self, service: ComputeService) -> None:
        """Refuse a host that has reported long after the notification of its failure, and is down now.

        Nothing is remembered where an engine was stopped while it waited for the host to be down.
        """
        if self._seen is not None or not service.updated_at:
            return
        patience = self._context.conf.wait_period_after_service_update + _RECENT
        updated_at = timeutils.normalize_time(timeutils.parse_isotime(service.updated_at))
        arrived_at = self._arrived_at
        if arrived_at is None or updated_at > arrived_at + datetime.timedelta(seconds=patience):
            came = f"at {arrived_at:%Y-%m-%dT%H:%M:%S}" if arrived_at else "nobody knows when"
            raise exceptions.HostReturned(
                f"the compute service of {service.host} has reported, or was changed, at "
                f"{service.updated_at}, long after the notification came ({came}, by Nova's clock): the host "
                "may be alive, so nothing is evacuated from it; if it is dead, fence it and notify again"
            )

    def _refuse_returned(self, service: ComputeService) -> None:
        if self._seen and self._seen != service.updated_at:
            raise exceptions.HostReturned(
                f"the compute service of {service.host} has reported, or was changed, at "
                f"{service.updated_at}, after an earlier attempt ({self._seen}): the host may be alive, so "
                "nothing more is evacuated from it; if it is dead, fence it and notify again"
            )

    def _may_be_forced_down(self) -> bool:
        """Return whether the service may be forced down: not long after the host was fenced and notified.

        An engine that was stopped for hours may find a host that has been repaired meanwhile, and so may a
        notification that has waited in the broker. One that was generated long before it came is either
        that, or its sender's clock is wrong.
        """
        context = self._context
        limit: int = max(context.conf.wait_period_after_service_update, _RECENT)
        if not context.conf.host_failure.force_down or self._arrived_at is None:
            return False
        age = (self._tell_time() - self._arrived_at).total_seconds()
        return max(age, abs(context.notification.sender_offset)) <= limit

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
            last = self._find_service()
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


def enable_unrecovered_host(context: RecoveryContext) -> None:
    """Enable the compute service that a recovery has disabled, when it is given up and has done nothing.

    Once an instance was evacuated, or may have been, the service stays disabled until an operator has seen to
    the host. A service that somebody else has disabled stays as it is, too.
    """
    begun = [
        vmove for vmove in context.journal.vmoves.list_last_of(context.host).values() if vmove.start_time
    ]
    if begun:
        return
    try:
        service = context.nova.services.get(context.host)
        if not service.is_enabled and service.disabled_reason == _read_reason(context):
            context.nova.services.enable(service)
            LOG.info("The compute service of %s is enabled again, as nothing was evacuated", context.host)
    except exceptions.NovaError as error:
        LOG.warning("The compute service of %s may still be disabled by us: %s", context.host, error)


def _read_reason(context: RecoveryContext) -> str:
    return str(context.conf.host_failure.service_disable_reason)


class PrepareHAEnabledInstancesTask(task.Task):
    """List the host's instances, choose and order them, and write a vmove for each to the journal."""

    default_provides = "vmoves"

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context

    def execute(self) -> list[VMove]:
        """Plan the vmoves; those of an earlier run are resumed, with their original states.

        :returns: the vmoves without a final status, HA enabled instances first
        """
        vmoves = Planner(self._context).plan()
        todo = [vmove for vmove in vmoves if not vmove.has_ended]
        self._context.progress.say(f"{len(todo)} of {len(vmoves)} instances are to be evacuated", 1.0)
        return todo


class EvacuateInstancesTask(task.Task):
    """Evacuate the instances, host_failure_recovery_threads at once, each locked meanwhile; verify all."""

    def __init__(self, context: RecoveryContext) -> None:
        super().__init__()
        self._context = context

    def execute(self, vmoves: list[VMove]) -> None:
        """Evacuate all; the failure of one instance does not stop the others.

        :raises RecoveryLeft: when the engine stops, or loses its claim, before all have ended
        :raises JournalError: when a vmove could not be written
        :raises NovaError: when Nova does not tell whether instances have arrived
        """
        doubtful = self._evacuate_all(vmoves)
        if doubtful:
            # once more, without a second request: locked, waited for, restored and unlocked, or failed
            self._evacuate_all(doubtful, is_record_enough=False)

    def _evacuate_all(self, vmoves: list[VMove], is_record_enough: bool = True) -> list[VMove]:
        """Evacuate instances, and verify meanwhile that they have arrived.

        :returns: those of which only their evacuation records say so
        """
        context = self._context
        verification = Verification(context)
        outcomes = concurrency.run_all(
            functools.partial(evacuation.evacuate, context, is_record_enough=is_record_enough),
            self._while_running(vmoves),
            context.conf.host_failure_recovery_threads,
        )
        ended = 0
        with verification.repeated(), contextlib.closing(outcomes):
            for outcome in outcomes:
                if isinstance(outcome.error, exceptions.JournalError):
                    raise outcome.error
                if not isinstance(outcome.error, exceptions.RecoveryLeft):
                    ended += 1
                    context.progress.say(_describe(outcome), ended / len(vmoves))
                if outcome.result:
                    verification.add(outcome.result)
        doubtful = verification.verify()
        if ended < len(vmoves):
            raise exceptions.RecoveryLeft(f"{len(vmoves) - ended} instances are left as the journal says")
        return doubtful

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
    status = "unlocked" if vmove.is_unverified else vmove.status
    return f"{vmove.instance_uuid} {vmove.instance_name}: {status}, {vmove.message}"
