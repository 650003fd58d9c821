"""Confirming that an evacuation has ended: by its record, and by the instance's host and task_state."""

import dataclasses
import time

from masakari_lite import exceptions
from masakari_lite.models import Instance, Migration
from masakari_lite.recovery import late_requests
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import states
from masakari_lite.recovery.vmoves import TrackedVMove, refuse_deleted


@dataclasses.dataclass(frozen=True)
class Arrival:
    """Where an instance is now.

    :ivar instance: as Nova shows it there; None when only its evacuation record was read
    """

    host: str | None
    instance: Instance | None = None


class Confirmation:
    """The end of one instance's evacuation."""

    def __init__(self, context: RecoveryContext, vmove: TrackedVMove, is_record_enough: bool) -> None:
        """Wait for nothing yet.

        :param is_record_enough: whether a record that says "done" ends the waiting: what it tells is verified
            with all others; false asks for the instance itself, too
        """
        self._is_record_enough = is_record_enough
        self._conf = context.conf
        self._check_period = context.check_period
        self._poller = context.poller
        self._vmove = vmove
        self._checked_at = time.monotonic()
        self._ended_at: float | None = None  # when its record was seen to have ended

    def wait_for(self) -> Arrival:
        """Wait until the instance has arrived on another host; its vmove gets the name of that host.

        :raises EvacuationFailed: when the evacuation has failed, or not ended within
            wait_period_after_evacuation; the message says how it stands
        :raises EvacuationRefused: when Nova has evacuated it twice
        :raises Ignored: when the instance is deleted
        """
        try:
            arrived = self._wait()
        except exceptions.EvacuationFailed:
            self._refuse_double()
            raise
        self._vmove.keep(dest_host=arrived.host)
        self._refuse_double()
        return arrived

    def _wait(self) -> Arrival:
        try:
            limit = self._conf.wait_period_after_evacuation
            return self._poller.wait_for(self._vmove.uuid, self._check, limit, "the end of its evacuation")
        except exceptions.WaitTimeout as error:
            self._poller.fetch_evacuations(self._vmove.uuid)  # with clocks too far apart a list lacks it
            arrived = self._check()
            if arrived is None:
                raise exceptions.EvacuationFailed(self._describe_delay(error)) from error
            return arrived

    def _refuse_double(self) -> None:
        """Check for a second evacuation, where a request may have been late; a third would not help."""
        if not self._vmove.may_have_late_requests:
            return
        records = self._poller.fetch_evacuations(self._vmove.uuid)
        double = late_requests.describe_double_evacuation(records, self._vmove.migration_baseline)
        if double:
            raise exceptions.EvacuationRefused(double)

    def _check(self) -> Arrival | None:
        """Tell where the instance is when its evacuation has ended.

        That is when its record says so and, where that is not enough, its host and task_state agree.
        """
        record = self._vmove.find_record()
        if record is None or record.is_running:
            self._check_deletion()
            return None
        if self._is_record_enough and record.has_arrived:
            return Arrival(record.dest_host)
        if self._ended_at is None:
            self._ended_at = time.monotonic()
        instance = refuse_deleted(self._poller.get_instance(self._vmove.uuid, since=self._ended_at))
        if not record.is_done:
            self._check_failure(record, instance)
            return None
        return Arrival(instance.host, instance) if self._is_there(instance) else None

    def _check_deletion(self) -> None:
        """Nova takes a deleted instance's records with it, which then seem to stay as they were."""
        if self._is_time(self._checked_at):
            self._checked_at = time.monotonic()
            refuse_deleted(self._poller.fetch_instance(self._vmove.uuid))

    def _check_failure(self, record: Migration, instance: Instance) -> None:
        """Wait for the instance's error, which tells the reason.

        Nova ends the record first, and writes the error a moment later: 60 ms were seen. An instance whose
        state was reset in the midst of its rebuild keeps the task_state for ever.
        """
        if instance.task_state not in states.REBUILDING or self._is_time(self._ended_at):
            raise _explain_failure(record, instance)

    def _is_time(self, since: float | None) -> bool:
        return since is not None and time.monotonic() - since >= self._check_period

    def _is_there(self, instance: Instance) -> bool:
        # any other task is its owner's: Nova lets a backup pass a lock (createBackup), and one that was asked
        # for just before the host changed was sent to the dead host and never ends
        is_rebuilding = instance.task_state in states.REBUILDING
        return bool(instance.host) and instance.host != self._vmove.row.source_host and not is_rebuilding

    def _describe_delay(self, error: exceptions.WaitTimeout) -> str:
        instance = refuse_deleted(self._poller.fetch_instance(self._vmove.uuid))
        record = self._vmove.find_record()
        stands = "there is no evacuation record"
        if record:
            stands = (
                f"evacuation record {record.id} to {record.dest_host or 'no host yet'} is {record.status}"
            )
        return (
            f"{error}: {stands}, the instance is on {instance.host}, vm_state {instance.vm_state}, "
            f"task_state {instance.task_state}; {_explain_delay(record)}"
        )


def _explain_delay(record: Migration | None) -> str:
    if record and record.is_running and not record.dest_host:
        return (
            "Nova has accepted it, but its scheduler has not chosen a host: where nova-conductor and "
            "nova-scheduler work, their message was lost, and it must be evacuated by hand"
        )
    return (
        "it may still arrive (wait_period_after_evacuation is too short then), unless the other host has "
        "failed too"
    )


def _explain_failure(record: Migration, instance: Instance) -> exceptions.EvacuationFailed:
    if record.dest_host:
        fault = instance.fault or "no fault shown"
        return exceptions.EvacuationFailed(
            f"its evacuation to {record.dest_host} ended as {record.status}: {fault}"
        )
    return exceptions.NoValidHost(
        f"Nova found no host for it: {instance.fault or f'evacuation record {record.id} is {record.status}'}"
    )
