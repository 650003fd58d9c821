"""Which instances are to be moved off a failed host, and the state that each must have again at the end."""

import dataclasses
import datetime
import logging

from oslo_utils import timeutils

from masakari_lite import exceptions
from masakari_lite.models import (
    Instance,
    Notification,
    NotificationStatus,
    Step,
    VMove,
    VMoveStatus,
)
from masakari_lite.recovery import retries
from masakari_lite.recovery.context import RecoveryContext

LOG = logging.getLogger(__name__)


class Planner:
    """Writes the moves of a recovery to the journal. May be run again after a crash, or for a further try."""

    def __init__(self, context: RecoveryContext) -> None:
        self._context = context
        self._options = context.conf.host_failure

    def plan(self) -> list[VMove]:
        """Plan the moves; those of an earlier run, or of an older notification, go on as they were.

        :returns: all moves of the notification, HA enabled instances first
        """
        context = self._context
        instances = {instance.uuid: instance for instance in context.watcher.open()}
        known = context.journal.list_vmoves(context.notification.notification_uuid)
        known = [self._take_up_again(vmove) for vmove in known]
        planned = {vmove.instance_uuid for vmove in known}
        last = context.journal.list_last_moves(context.host)
        begun = {uuid: vmove for uuid, vmove in last.items() if self._is_begun(vmove)}
        new = [
            self._plan(instance, last.get(instance.uuid), begun.get(instance.uuid))
            for instance in instances.values()
            if instance.uuid not in planned
        ]
        new.sort(key=lambda vmove: not self._is_ha_enabled(instances[vmove.instance_uuid]))
        new += [
            self._go_on_with(vmove)
            for uuid, vmove in begun.items()
            if uuid not in planned and uuid not in instances
        ]
        context.journal.add_vmoves(context.notification, new)
        for notification in self._list_older_ones():
            self._supersede(notification)
        return [*known, *new]

    def _take_up_again(self, vmove: VMove) -> VMove:
        """Plan a failed move once more when its next try is due; its first sight stays."""
        # what is due soon is tried now, so that tries of many instances come together
        soon = datetime.timedelta(seconds=self._options.evacuation_retry_interval / 4)
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

    # what an older notification of the same host has begun

    def _list_older_ones(self) -> list[Notification]:
        found = self._context.journal.list_notifications(
            hostname=self._context.host, status=NotificationStatus.ERROR
        )
        return [notification for notification in found if _is_older(notification, self._context.notification)]

    def _is_begun(self, vmove: VMove) -> bool:
        """Tell whether another notification has begun the move, lately, and not brought the instance back."""
        if vmove.notification_uuid == self._context.notification.notification_uuid or not _was_touched(vmove):
            return False
        window = self._context.conf.notifications_expired_interval
        return vmove.updated_at is not None and not timeutils.is_older_than(vmove.updated_at, window)

    def _go_on_with(self, vmove: VMove) -> VMove:
        """Plan the rest of a move whose instance has left the host since."""
        return dataclasses.replace(
            vmove,
            notification_uuid=self._context.notification.notification_uuid,
            locked_by_us=False,
            status=VMoveStatus.PENDING,
            step=Step.PLANNED,
            attempts=0,
            message="",
            retry_at=None,
            end_time=None,
        )

    def _supersede(self, notification: Notification) -> None:
        """End an older notification: this one goes on with its instances."""
        uuid = self._context.notification.notification_uuid
        reason = retries.without_time(notification.message)
        try:
            self._context.journal.give_up(notification, f"{reason}; notification {uuid} goes on with them")
        except exceptions.ClaimLost:
            LOG.debug("[%s] was taken up meanwhile", notification.notification_uuid)
        else:
            LOG.info("[%s] failed: notification %s goes on", notification.notification_uuid, uuid)

    # what is on the host

    def _plan(self, instance: Instance, last: VMove | None, begun: VMove | None) -> VMove:
        origin = self._find_origin(instance, last)
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
            start_time=begun.start_time if begun and not reason else None,
        )

    def _find_origin(self, instance: Instance, last: VMove | None) -> Instance | VMove:
        """Find who tells the state of an instance before its host failed.

        One that Nova put into error because its last evacuation failed is not one that was in error, and one
        whose evacuation still runs is in all kinds of states: the move that has begun it remembers.
        """
        if last is None or not _was_touched(last):
            return instance
        evacuation = self._context.watcher.get_evacuation(instance.uuid)
        is_moving = evacuation is not None and evacuation.is_running
        return last if is_moving or instance.vm_state == "error" else instance

    def _find_reason_to_ignore(self, instance: Instance, vm_state: str) -> str:
        if vm_state == "error" and self._options.ignore_instances_in_error_state:
            return "it was in error before (ignore_instances_in_error_state)"
        if not self._options.evacuate_all_instances and not self._is_ha_enabled(instance):
            key = self._options.ha_enabled_instance_metadata_key
            return f"it lacks the metadata {key}=true (evacuate_all_instances)"
        return ""

    def _is_ha_enabled(self, instance: Instance) -> bool:
        key = self._options.ha_enabled_instance_metadata_key
        return instance.metadata.get(key, "").lower() == "true"


def _was_touched(vmove: VMove) -> bool:
    """Tell whether a move was begun, and its instance not brought back; one may have been refused before."""
    return vmove.start_time is not None and vmove.status not in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)


def _is_older(one: Notification, other: Notification) -> bool:
    return bool(one.created_at and other.created_at and one.created_at < other.created_at)
