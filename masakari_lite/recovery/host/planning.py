"""Which instances are to be evacuated from a failed host, and the state that each must have at the end."""

import dataclasses
import logging

from masakari_lite import exceptions
from masakari_lite.models import (
    Instance,
    Notification,
    NotificationStatus,
    Step,
    VMove,
    VMoveStatus,
)
from masakari_lite.reasons import Reason
from masakari_lite.recovery import retries
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import ha_metadata

LOG = logging.getLogger(__name__)


class Planner:
    """Writes the vmoves of a recovery to the journal. May be run again after a crash, or for a retry."""

    def __init__(self, context: RecoveryContext) -> None:
        self._context = context
        self._options = context.conf.host_failure
        self._clock = context.journal.clock

    def plan(self) -> list[VMove]:
        """Plan the vmoves; those of an earlier run, or of an older notification, are resumed as they were.

        :returns: all vmoves of the notification, HA enabled instances first
        """
        context = self._context
        instances = {instance.uuid: instance for instance in context.poller.open()}
        known = context.journal.vmoves.list_of(context.notification.notification_uuid)
        known = [self._plan_retry(vmove) for vmove in known]
        planned = {vmove.instance_uuid for vmove in known}
        last = context.journal.vmoves.list_last_of(context.host)
        begun = {uuid: vmove for uuid, vmove in last.items() if self._is_begun(vmove)}
        new = [
            self._plan(instance, last.get(instance.uuid), begun.get(instance.uuid))
            for instance in instances.values()
            if instance.uuid not in planned
        ]
        new.sort(key=lambda vmove: not self._is_ha_enabled(instances[vmove.instance_uuid]))
        new += [
            self._resume(vmove)
            for uuid, vmove in begun.items()
            if uuid not in planned and uuid not in instances
        ]
        context.journal.vmoves.add(context.notification, new)
        for notification in self._list_older_ones():
            self._supersede(notification)
        return [*known, *new]

    def _plan_retry(self, vmove: VMove) -> VMove:
        """Plan a failed vmove once more when its retry is due; the original state stays."""
        # what is due soon is retried now, so that retries of many instances come together
        soon = self._options.evacuation_retry_interval / 4
        if not vmove.has_ended or vmove.retry_at is None:
            return vmove
        if self._clock.find_delay(vmove.retry_at, retries.LONGEST_PAUSE) > soon:
            return vmove
        return self._context.journal.vmoves.update(
            self._context.notification,
            vmove,
            status=VMoveStatus.PENDING,
            step=Step.PLANNED,
            retry_at=None,
            end_time=None,
        )

    # what an older notification of the same host has begun

    def _list_older_ones(self) -> list[Notification]:
        return self._context.journal.notifications.list_by(
            hostname=self._context.host,
            status=NotificationStatus.ERROR,
            older_than=self._context.notification,
        )

    def _is_begun(self, vmove: VMove) -> bool:
        """Return whether another notification has begun it lately, and not brought the instance back."""
        if vmove.notification_uuid == self._context.notification.notification_uuid or not _was_touched(vmove):
            return False
        window = self._context.conf.notifications_expired_interval
        return vmove.updated_at is not None and self._clock.find_least_age(vmove.updated_at) <= window

    def _resume(self, vmove: VMove) -> VMove:
        """Plan the rest of a vmove whose instance has left the host since."""
        return dataclasses.replace(
            vmove,
            notification_uuid=self._context.notification.notification_uuid,
            locked_by_us=False,
            status=VMoveStatus.PENDING,
            step=Step.PLANNED,
            attempts=0,
            reason="",
            message="",
            retry_at=None,
            end_time=None,
        )

    def _supersede(self, notification: Notification) -> None:
        """Give up an older notification: this one resumes its vmoves."""
        uuid = self._context.notification.notification_uuid
        message = f"{notification.message}; superseded: notification {uuid} resumes its vmoves"
        try:
            self._context.journal.notifications.give_up(notification, Reason.SUPERSEDED, message)
        except exceptions.ClaimLost:
            LOG.debug("[%s] was claimed meanwhile", notification.notification_uuid)
        else:
            LOG.info("[%s] Superseded by notification %s", notification.notification_uuid, uuid)

    # what is on the host

    def _plan(self, instance: Instance, last: VMove | None, begun: VMove | None) -> VMove:
        origin = self._find_origin(instance, last)
        reason, message = self._find_reason_to_ignore(instance, origin.vm_state)
        self._log_mistake(instance)
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
            reason=reason,
            message=message,
            start_time=begun.start_time if begun and not reason else None,
        )

    def _find_origin(self, instance: Instance, last: VMove | None) -> Instance | VMove:
        """Find what shows the state of an instance before its host failed.

        One that Nova put into error because its last evacuation failed is not one that was in error, and one
        whose evacuation still runs is in all kinds of states: its vmove has the original one.
        """
        if last is None or not _was_touched(last):
            return instance
        evacuation = self._context.poller.get_evacuation(instance.uuid)
        is_moving = evacuation is not None and evacuation.is_running
        return last if is_moving or instance.vm_state == "error" else instance

    def _find_reason_to_ignore(self, instance: Instance, vm_state: str) -> tuple[str, str]:
        """Return why an instance is not evacuated, as a code and in words; both are empty when it is."""
        if vm_state == "error" and self._options.ignore_instances_in_error_state:
            return Reason.ERROR_BEFORE, "it was in error before (ignore_instances_in_error_state)"
        if not self._options.evacuate_all_instances and not self._is_ha_enabled(instance):
            key = self._options.ha_enabled_instance_metadata_key
            mistake = ha_metadata.describe_mistake(instance, key)
            message = f"it lacks the metadata {key}=true (evacuate_all_instances)"
            return Reason.NOT_HA_ENABLED, f"{message}; {mistake}" if mistake else message
        return "", ""

    def _is_ha_enabled(self, instance: Instance) -> bool:
        return ha_metadata.is_ha_enabled(instance, self._options.ha_enabled_instance_metadata_key)

    def _log_mistake(self, instance: Instance) -> None:
        """Log metadata that was probably meant to mark an instance, and does not."""
        mistake = ha_metadata.describe_mistake(instance, self._options.ha_enabled_instance_metadata_key)
        if mistake:
            uuid = self._context.notification.notification_uuid
            what = (
                "comes after those that are marked" if self._options.evacuate_all_instances else "is ignored"
            )
            LOG.warning("[%s] [instance: %s] %s: %s", uuid, instance.uuid, what, mistake)


def _was_touched(vmove: VMove) -> bool:
    """Return whether a vmove was begun, and its instance not brought back, or refused."""
    return vmove.start_time is not None and vmove.status not in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)
