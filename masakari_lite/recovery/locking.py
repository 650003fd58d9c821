"""Our lock on an instance: set while it moves, told from everybody else's, and never left behind."""

import logging

from masakari_lite import exceptions
from masakari_lite.models import Instance, JsonDict, Step
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX, RecoveryContext
from masakari_lite.recovery.move import Move


def is_ours(instance: Instance) -> bool:
    """Tell by its ``locked_reason`` (microversion 2.73) whether a lock is an engine's."""
    return instance.locked and (instance.locked_reason or "").startswith(LOCKED_REASON_PREFIX)


class InstanceLock:
    """The lock of one move."""

    def __init__(self, context: RecoveryContext, move: Move) -> None:
        self._context = context
        self._nova = context.nova
        self._watcher = context.watcher
        self._move = move

    def set(self, instance: Instance) -> None:
        """Lock the instance, unless somebody else has.

        :param instance: as it was a moment ago
        """
        # what an engine asked for just before it died may still come: the next one must know, too
        was = self._move.row.step
        step = was if was in (Step.EVACUATE, Step.RESTORE) else Step.LOCK
        if self._is_mine(instance):
            self._move.note(step, locked_by_us=True)
        elif instance.locked and not is_ours(instance):
            self._move.log(logging.INFO, "is locked by somebody else, and stays so")
        else:  # a lock that another recovery has left is taken over, with our reason
            self._move.note(step, locked_by_us=True)
            try:
                self._nova.lock(self._move.uuid, self._context.locked_reason)
            except (exceptions.NovaForbidden, exceptions.NovaBadRequest, exceptions.NovaConflict):
                self._move.learn(locked_by_us=False)  # surely not set, so there is nothing to take off
                raise

    def end(self, ending: JsonDict) -> None:
        """Write how the move ends, then take the lock off: no user may be left with it.

        :param ending: the move's last changes; written first, as afterwards the owner may do anything
        :raises RecoveryLeft: when Nova did not do it before the engine stopped
        """
        if not self._move.is_locked_by_us:
            self._move.learn(**ending)
            return
        self._move.note(Step.UNLOCK, **ending)
        self.take_off()

    def take_off(self, endless: bool = True) -> None:
        """Unlock, unless the lock is somebody else's by now.

        :param endless: ask until Nova has done it, not only for ``[nova] retry_period``
        :raises RecoveryLeft: when Nova did not do it before the engine stopped
        :raises NovaError: when Nova did not do it; not when endless
        """
        if not self._move.is_locked_by_us:
            return
        try:
            if not self._is_locked_by_another(endless):
                self._nova.unlock(self._move.uuid, endless)
        except exceptions.InstanceNotFound:
            self._move.log(logging.INFO, "was deleted, its lock with it")
        except exceptions.NovaError as error:
            if not endless:
                raise
            # asked until the engine stops; the next start goes on
            raise exceptions.EngineStopping(str(error)) from error

    def _is_locked_by_another(self, endless: bool) -> bool:
        """Tell whether an administrator has put a lock of their own over ours."""
        if not self._nova.has_locked_reason:
            return False
        try:
            instance = self._watcher.get_instance(self._move.uuid)
        except exceptions.NovaError:
            instance = self._nova.get_instance(self._move.uuid, endless)
        return instance is not None and instance.locked and not self._is_mine(instance)

    def _is_mine(self, instance: Instance) -> bool:
        if self._nova.has_locked_reason:
            return instance.locked and instance.locked_reason == self._context.locked_reason
        return instance.locked and self._move.row.locked_by_us
