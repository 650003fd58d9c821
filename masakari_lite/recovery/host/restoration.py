"""Giving an instance that has arrived on another host the state that it had."""

import logging
from collections.abc import Callable

from masakari_lite import exceptions
from masakari_lite.models import Instance, PowerState, Step, VMove
from masakari_lite.reasons import Reason
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host.states import End
from masakari_lite.recovery.vmoves import Ignored, TrackedVMove


def restore(context: RecoveryContext, vmove: TrackedVMove, arrived: Instance, end: End) -> str:
    """Power the instance off or on, or put it back into error, as its table row says.

    Safe to run again after a crash: what is so already is left as it is.

    :param arrived: the instance as Nova shows it after its evacuation
    :returns: a message that tells where it is, and what it is if that is not what it was
    :raises EvacuationFailed: when it did not come into that state within its time limit
    """
    message = f"evacuated to {arrived.host}"
    if arrived.vm_state == "error":
        if end is End.ERROR:  # put back before a crash: Nova itself leaves none in error
            return message
        raise exceptions.EvacuationFailed(f"{message}, but it is in error there: {arrived.fault}")
    _Restoration(context, vmove, arrived).bring_to(end)
    return describe_arrival(vmove.row, arrived, end)


def describe_arrival(row: VMove, arrived: Instance, vm_state: str) -> str:
    """Return where an instance is, and of its state what is not as it was.

    :param vm_state: in which it is left there
    """
    message = f"evacuated to {arrived.host}"
    if row.vm_state != vm_state:
        message += f", {vm_state} there: it was {_describe_origin(row)}"
    if arrived.task_state and arrived.vm_state == vm_state:
        message += f"; {explain_task(arrived)}"
    return message


def explain_task(instance: Instance) -> str:
    """Return what the task of an instance that has arrived means."""
    return (
        f"its task_state is {instance.task_state}: if that does not end, it was begun while the instance "
        "changed hosts and sent to the failed one, so reset its state to active"
    )


class _Restoration:
    """The requests of one instance's restoration."""

    def __init__(self, context: RecoveryContext, vmove: TrackedVMove, arrived: Instance) -> None:
        self._conf = context.conf
        self._nova = context.nova
        self._poller = context.poller
        self._vmove = vmove
        self._arrived = arrived

    def bring_to(self, end: End) -> None:
        if end is End.ACTIVE:
            self._power("active", self._nova.servers.start, self._conf.wait_period_after_power_on)
        elif end is End.STOPPED or self._vmove.row.power_state != PowerState.RUNNING:
            self._power("stopped", self._nova.servers.stop, self._conf.wait_period_after_power_off)
        if end is End.ERROR:
            self._vmove.write_step(Step.RESTORE)
            self._nova.servers.reset_state(self._vmove.uuid, "error")

    def _power(self, vm_state: str, request: Callable[[str], None], period: float) -> None:
        # a request of before a crash may be under way, or a backup of the owner's
        if self._arrived.task_state and self._arrived.vm_state != vm_state:
            self._arrived = self._wait_until_idle(period)
        if self._arrived.vm_state == vm_state:
            return
        self._vmove.write_step(Step.RESTORE)
        try:
            request(self._vmove.uuid)
        except exceptions.NovaConflict as error:
            # a repeated request finds the first one under way
            self._vmove.log(logging.INFO, "%s; waiting for what is under way", error)
        self._wait_for(
            lambda now: now.vm_state == vm_state and not now.task_state, f"vm_state {vm_state}", period
        )

    def _wait_until_idle(self, period: float) -> Instance:
        what = f"an end of its task, so that its power can be restored: {explain_task(self._arrived)}"
        return self._wait_for(lambda now: not now.task_state, what, period)

    def _wait_for(self, is_so: Callable[[Instance], bool], what: str, period: float) -> Instance:
        def check() -> Instance | None:
            instance = self._poller.get_instance(self._vmove.uuid)
            if instance is None:
                raise Ignored(Reason.DELETED, "it was deleted meanwhile")
            return instance if is_so(instance) else None

        try:
            return self._poller.wait_for(self._vmove.uuid, check, period, what)
        except exceptions.WaitTimeout as error:
            raise exceptions.EvacuationFailed(f"evacuated to {self._arrived.host}, but {error}") from error


def _describe_origin(vmove: VMove) -> str:
    return f"{vmove.vm_state} ({vmove.task_state})" if vmove.task_state else vmove.vm_state
