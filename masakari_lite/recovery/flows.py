"""Assembling and running the flow of a recovery."""

import collections
import logging

import taskflow.engines
from taskflow.patterns import linear_flow
from taskflow.types import notifier

from masakari_lite import exceptions
from masakari_lite.models import NotificationStatus, VMove, VMoveStatus
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.tasks import host_failure

LOG = logging.getLogger(__name__)

_REASONS = 10
"""So many instances' reasons are in a notification's message."""


def build_host_failure_flow(context: RecoveryContext) -> linear_flow.Flow:
    """Build the flow that recovers the host of the context's notification."""
    flow = linear_flow.Flow("host_failure")
    return flow.add(
        host_failure.DisableComputeServiceTask(context),
        host_failure.PrepareHAEnabledInstancesTask(context),
        host_failure.EvacuateInstancesTask(context),
    )


def run_host_failure_flow(context: RecoveryContext) -> tuple[NotificationStatus, str]:
    """Recover a host.

    :returns: the notification's status and message
    :raises EngineStopping: when the engine stopped before the end
    :raises JournalError: when the journal could not be written, so that nobody knows how far it came
    """
    flow = build_host_failure_flow(context)
    try:
        run(flow, context)
    except (exceptions.EngineStopping, exceptions.JournalError):
        raise
    except exceptions.MasakariLiteError as error:
        LOG.error("[%s] %s", context.notification.notification_uuid, error)
        return NotificationStatus.ERROR, str(error)
    return summarize(context.journal.list_vmoves(context.notification.notification_uuid))


def run(flow: linear_flow.Flow, context: RecoveryContext) -> None:
    """Run a flow in this thread and keep its progress."""
    engine = taskflow.engines.load(flow)

    def follow(state: str, details: dict[str, object]) -> None:
        name = str(details["task_name"]).rpartition(".")[2]
        if state == "RUNNING":
            context.progress.begin(name)
        elif state in ("SUCCESS", "FAILURE"):
            context.progress.end(state)

    engine.atom_notifier.register(notifier.Notifier.ANY, follow)
    engine.run()


def summarize(vmoves: list[VMove]) -> tuple[NotificationStatus, str]:
    """Tell what came of a recovery by its moves: an error when any instance was not brought back."""
    counts = collections.Counter(vmove.status for vmove in vmoves)
    if not vmoves:
        return NotificationStatus.FINISHED, "no instance to move"
    message = ", ".join(f"{counts[status]} {status}" for status in VMoveStatus if counts[status])
    if counts[VMoveStatus.SUCCEEDED] + counts[VMoveStatus.IGNORED] < len(vmoves):
        reasons = [
            f"{vmove.instance_uuid}: {vmove.message or 'lost'}"
            for vmove in vmoves
            if vmove.status not in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)
        ]
        if len(reasons) > _REASONS:
            reasons[_REASONS:] = [f"and {len(reasons) - _REASONS} more, see its vmoves"]
        return NotificationStatus.ERROR, f"{message}; {'; '.join(reasons)}"
    return NotificationStatus.FINISHED, message
