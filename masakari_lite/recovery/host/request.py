"""The evacuate request of one instance: sent once, and never while another evacuation may run."""

import logging

from masakari_lite import exceptions
from masakari_lite.compute import retries as repetition
from masakari_lite.models import Instance, Step
from masakari_lite.reasons import Reason
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import states
from masakari_lite.recovery.vmoves import Ignored, TrackedVMove, describe_move, refuse_deleted

# a vmove that ends in one of these steps may have had its state reset by us
_RESETTING = (Step.RESET_STATE, Step.EVACUATE)


class EvacuationRequest:
    """Sends the request, unless an evacuation record says that an evacuation runs, or ran, already."""

    def __init__(self, context: RecoveryContext, vmove: TrackedVMove, may_be_sent: bool) -> None:
        """Send nothing yet.

        :param may_be_sent: whether an earlier run may have sent it, and not seen the answer
        """
        self._context = context
        self._conf = context.conf
        self._nova = context.nova
        self._poller = context.poller
        self._vmove = vmove
        self._may_be_sent = may_be_sent
        self.has_reset_state = False
        """Whether the instance's state was set to error for the request: Nova then leaves it running."""

    def send_unless_under_way(self, instance: Instance) -> None:
        """Have Nova evacuate the instance, unless it does so already.

        :param instance: as it was a moment ago
        :raises EvacuationRefused: when Nova refuses for good
        :raises NovaUnanswered: when nobody knows whether Nova acts on it
        """
        if self._is_under_way(instance):
            return
        if self._may_be_sent and self._appears(self._conf.nova.late_request_period):
            return
        self._may_be_sent = True
        repetition.repeat(
            self._send_once,
            lambda error: isinstance(error, exceptions.Retriable),
            self._conf.nova.retry_period,
            self._context.is_stopping,
        )

    def has_record(self) -> bool:
        """Return whether there is an evacuation record of this attempt.

        One that an engine sent just before it died may have come, and the instance with it, after the
        snapshot was taken.
        """
        if self._vmove.find_record() is None and self._may_be_sent:
            self._poller.fetch_evacuations(self._vmove.uuid)
        return self._vmove.find_record() is not None

    def restore_state(self, is_refused: bool) -> str:
        """Take back a reset of ours whose evacuation was not accepted: the state was not "error" before.

        :param is_refused: whether Nova refuses the evacuation for good
        :returns: for the operator, what the state is now; empty when nothing had to be done
        """
        row = self._vmove.row
        if row.step not in _RESETTING or row.vm_state == "error":
            return ""
        try:
            instance = self._poller.fetch_instance(row.instance_uuid)
            is_reset = instance is not None and instance.vm_state == "error"
            # what Nova refuses for good it has not accepted before, either
            may_be_late = self._vmove.may_have_late_requests and not is_refused
            is_accepted = may_be_late or self._vmove.find_record()
            if not is_reset or is_accepted:
                return ""
            self._vmove.write_step(Step.RESET_STATE)
            self._nova.servers.reset_state(row.instance_uuid, "active")
        except exceptions.NovaError as error:
            return f"; its state is error and could not be reset to active: {error}"
        return f"; its state is active now: it was {row.vm_state}, which Nova cannot set"

    def is_by_down_cell(self, error: Exception) -> bool:
        """Return whether Nova has failed because it cannot read the instance: nothing was done then."""
        if isinstance(error, exceptions.NovaUnanswered) and error.is_over:
            return not self._nova.services.can_read_cell_of(self._context.host)
        return isinstance(error, exceptions.CellUnavailable)

    def _is_under_way(self, instance: Instance) -> bool:
        """Return whether an evacuation runs or ran that nobody may double: ours, or somebody else's.

        A list with changes-since lacks a record that was never updated, so where the instance looks like
        one that is rebuilt its records are asked for.
        """
        if self._vmove.find_record() is None and instance.task_state in states.REBUILDING:
            self._poller.fetch_evacuations(self._vmove.uuid)
        return self._vmove.find_record() is not None

    def _send_once(self) -> None:
        """Ask once; the step is written anew each time, as whoever resumes after a crash counts from then.

        :raises Retriable: when Nova surely does not act on it, so that it may be sent again
        """
        self._vmove.write_step(Step.EVACUATE)
        try:
            self._request()
        except exceptions.NovaUnanswered as error:
            self._vmove.log(logging.INFO, "%s; asking for its evacuation record", error)
            if not error.is_over:
                self._vmove.expect_late_requests()
            is_cell_down = self.is_by_down_cell(error)
            if not self._appears(0 if error.is_over else self._conf.nova.late_request_period):
                if is_cell_down:
                    raise exceptions.CellUnavailable(f"{error}; Nova cannot read its cell") from error
                raise

    def _request(self) -> None:
        """Ask with the state as it is: Nova checks it last, so a refusal for good changes nothing."""
        uuid = self._vmove.uuid
        try:
            self._evacuate()
        except exceptions.NovaWrongState as error:
            # before the fix of bug 1978983 Nova refused an instance with any task_state
            self._vmove.log(logging.INFO, "%s; its state is reset first", error)
            # to reset a soft-deleted one and evacuate it would restore it
            if self._is_under_way(refuse_deleted(self._poller.fetch_instance(uuid))):
                return
            self.has_reset_state = True
            self._vmove.write_step(Step.RESET_STATE)
            self._nova.servers.reset_state(uuid, "error")
            self._vmove.write_step(Step.EVACUATE)
            self._evacuate()

    def _evacuate(self) -> None:
        try:
            self._nova.servers.evacuate(self._vmove.uuid)
        except exceptions.HostStillUp:
            self._refuse_moved()
            raise
        except exceptions.NovaWrongState:
            raise
        except (exceptions.NovaConflict, exceptions.NovaNotSupported, exceptions.NovaBadRequest) as error:
            if "RPC version" in str(error):  # Nova is being upgraded
                raise
            raise exceptions.EvacuationRefused(f"Nova refuses to evacuate it: {error}") from error

    def _refuse_moved(self) -> None:
        """Find out whether Nova speaks of another host: the instance may have left the failed one since."""
        instance = refuse_deleted(self._poller.fetch_instance(self._vmove.uuid))
        if instance.host != self._context.host and self._vmove.find_record() is None:
            raise Ignored(Reason.MOVED_BEFORE, describe_move(instance))

    def _appears(self, period: float) -> bool:
        """Return whether an evacuation record of this attempt appears: Nova writes it before it answers.

        :param period: how many seconds Nova may still be at work on the request
        """
        try:
            self._poller.wait_for(self._vmove.uuid, self._vmove.find_record, period, "its evacuation record")
        except exceptions.WaitTimeout:
            self._poller.fetch_evacuations(self._vmove.uuid)
        return self._vmove.find_record() is not None
