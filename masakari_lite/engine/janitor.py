"""Locks of ours that a crash has left, found and taken off although nobody goes on with their recovery."""

import logging
import time

from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.compute.nova import NovaAPI
from masakari_lite.engine.claims import Claims
from masakari_lite.journal.store import Journal
from masakari_lite.models import Instance, Step, VMove
from masakari_lite.recovery.context import find_locking_notification
from masakari_lite.recovery.locking import is_ours

LOG = logging.getLogger(__name__)


class Janitor:
    """Looks for leftover locks when the engine starts, and then periodically.

    The journal tells of the locks that its own recoveries have left. From microversion 2.73 on,
    ``locked_reason`` tells also of those of which the journal knows nothing, because it was lost, or because
    Nova carried a request out late. They may as well be those of engines with a journal of their own, so they
    are taken off only when they have been seen for longer than a move can take.
    """

    def __init__(self, conf: cfg.ConfigOpts, journal: Journal, nova: NovaAPI, claims: Claims) -> None:
        self._conf = conf
        self._journal = journal
        self._nova = nova
        self._claims = claims
        self._first_seen: dict[tuple[str, str | None], float] = {}

    def clean_up(self) -> None:
        """Take off the locks that nobody else will.

        :raises MasakariLiteError: when the journal, Nova or the claims cannot be used; call it again
        """
        for vmove in self._journal.list_locked_moves():
            try:
                self._end_lock(vmove)
            except exceptions.NovaError as error:  # the others need not wait for this one
                LOG.warning("[instance: %s] its lock is left for now: %s", vmove.instance_uuid, error)
        if self._nova.has_locked_reason:
            self._look_at(self._nova.list_locked_instances())

    def _end_lock(self, vmove: VMove) -> None:
        claim = self._claims.claim(vmove.source_host)
        if claim is None:
            return  # a recovery of the host runs: the next look sees what it has left
        try:
            notification = self._journal.get_notification(vmove.notification_uuid)
            if notification.status.is_active:
                return
            nova = self._nova.guarded_by(claim.check)
            try:
                instance = nova.get_instance(vmove.instance_uuid)
                if _is_left_by(vmove, instance, nova.has_locked_reason):
                    self._unlock(nova, instance, f"notification {vmove.notification_uuid}")
            except exceptions.InstanceNotFound:
                pass  # its lock has gone with it
            # an unfinished move's step tells what may be on its way
            step = Step.DONE if vmove.status.is_final else vmove.step
            self._journal.update_vmove(notification, vmove, locked_by_us=False, step=step)
        finally:
            self._claims.release(claim)

    def _look_at(self, locked: list[Instance]) -> None:
        strangers = {
            (instance.uuid, instance.locked_reason): instance
            for instance in locked
            if is_ours(instance) and self._is_nobodys(instance)
        }
        now = time.monotonic()
        self._first_seen = {key: self._first_seen.get(key, now) for key in strangers}
        for key, instance in strangers.items():
            if now - self._first_seen[key] >= self._longest_move() and not instance.task_state:
                self._unlock(self._nova, instance, "a recovery that is not in the journal")

    def _is_nobodys(self, instance: Instance) -> bool:
        try:
            notification = self._journal.get_notification(find_locking_notification(instance))
        except exceptions.NotificationNotFound:
            return True
        # a lock request that was carried out late, after our unlock, is in no row
        return notification.status.is_final

    def _longest_move(self) -> float:
        conf = self._conf
        restoration = max(conf.wait_period_after_power_off, conf.wait_period_after_power_on)
        return float(conf.wait_period_after_evacuation + restoration + conf.nova.retry_period)

    def _unlock(self, nova: NovaAPI, instance: Instance, whose: str) -> None:
        LOG.warning("[instance: %s] the lock that %s has left on it is taken off", instance.uuid, whose)
        nova.unlock(instance.uuid, endless=False)


def _is_left_by(vmove: VMove, instance: Instance, has_reason: bool) -> bool:
    if not has_reason:
        return instance.locked
    return is_ours(instance) and find_locking_notification(instance) == vmove.notification_uuid
