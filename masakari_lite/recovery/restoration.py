"""Giving an instance that has arrived on another host the state that it had."""

import logging
from collections.abc import Callable

from masakari_lite import exceptions
from masakari_lite.models import Instance, PowerState, Step, VMove
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.move import Ignored, Move
from masakari_lite.recovery.states import End


def restore(context: RecoveryContext, move: Move, arrived: Instance, end: End) -> str:
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
    _Restoration(context, move, arrived).bring_to(end)
    is_kept = move.row.vm_state == end.value
    return message if is_kept else f"{message}, {end} there: it was {_describe_origin(move.row)}"


class _Restoration:
    """The requests of one instance's restoration."""

    def __init__(self, context: RecoveryContext, move: Move, arrived: Instance) -> None:
        self._conf = context.conf
        self._nova = context.nova
        self._watcher = context.watcher
        self._move = move
        self._arrived = arrived

    def bring_to(self, end: End) -> None:
        if end is End.ACTIVE:
            self._power("active", self._nova.start, self._conf.wait_period_after_power_on)
        elif end is End.STOPPED or self._move.row.power_state != PowerState.RUNNING:
            self._power("stopped", self._nova.stop, self._conf.wait_period_after_power_off)
        if end is End.ERROR:
            self._move.note(Step.RESTORE)
            self._nova.reset_state(self._move.uuid, "error")

    def _power(self, vm_state: str, request: Callable[[str], None], period: float) -> None:
        if self._arrived.vm_state == vm_state:
            return
        self._move.note(Step.RESTORE)
        try:
            request(self._move.uuid)
        except exceptions.NovaConflict as error:
            # a repeated request finds the first one under way
            self._move.log(logging.INFO, "%s; waiting for what is under way", error)
        self._wait_for(vm_state, period)

    def _wait_for(self, vm_state: str, period: float) -> None:
        def is_there() -> bool | None:
            instance = self._watcher.see(self._move.uuid)
            if instance is None:
                raise Ignored("it was deleted meanwhile")
            return (instance.vm_state == vm_state and not instance.task_state) or None

        try:
            self._watcher.wait_for(is_there, period, f"vm_state {vm_state}")
        except exceptions.WaitTimeout as error:
            raise exceptions.EvacuationFailed(f"evacuated to {self._arrived.host}, but {error}") from error


def _describe_origin(vmove: VMove) -> str:
    return f"{vmove.vm_state} ({vmove.task_state})" if vmove.task_state else vmove.vm_state
