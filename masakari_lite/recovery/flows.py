"""Assembling and running the flow of a recovery."""

import collections
import dataclasses
import datetime
import logging
from collections.abc import Sequence

import taskflow.engines
from oslo_config import cfg
from taskflow.patterns import linear_flow
from taskflow.types import notifier

from masakari_lite import exceptions
from masakari_lite.models import Notification, NotificationStatus, VMove, VMoveStatus
from masakari_lite.recovery import evacuation, retries
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


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a recovery.

    :ivar retry_at: when what failed is tried again (UTC, naive); None when nothing is
    :ivar is_counted: whether this was a try; else nobody has answered
    """

    status: NotificationStatus
    message: str
    retry_at: datetime.datetime | None = None
    is_counted: bool = True


def run_host_failure_flow(context: RecoveryContext) -> Result:
    """Recover a host.

    :raises RecoveryLeft: when the engine stopped, or lost its claim, before the end
    :raises JournalError: when the journal could not be written, so that nobody knows how far it came
    """
    flow = build_host_failure_flow(context)
    try:
        run(flow, context)
    except (exceptions.RecoveryLeft, exceptions.JournalError):
        raise
    except exceptions.MasakariLiteError as error:
        if isinstance(error, exceptions.Retriable) and context.is_stopping():
            raise exceptions.EngineStopping(str(error)) from error  # it was asked for too short a time
        LOG.error("[%s] %s", context.notification.notification_uuid, error)
        return _break_off(context, error)
    except Exception as error:
        LOG.exception("[%s] unexpected", context.notification.notification_uuid)
        return _break_off(context, RuntimeError(f"unexpected {type(error).__name__}: {error}"))
    return summarize(context.journal.list_vmoves(context.notification.notification_uuid))


def _break_off(context: RecoveryContext, error: Exception) -> Result:
    evacuation.release_locks(context)
    vmoves = context.journal.list_vmoves(context.notification.notification_uuid)
    return conclude(context.conf, error, context.notification, vmoves)


def run(flow: linear_flow.Flow, context: RecoveryContext) -> None:
    """Run a flow in this thread and keep its progress."""
    engine = taskflow.engines.load(flow)

    def follow(state: str, details: dict[str, object]) -> None:
        name = str(details["task_name"]).rpartition(".")[2]
        try:
            if state == "RUNNING":
                context.progress.begin(name)
            elif state in ("SUCCESS", "FAILURE"):
                context.progress.end(state)
        except (exceptions.JournalError, exceptions.RecoveryLeft) as error:
            LOG.debug("progress not written: %s", error)  # what is to be done next cannot be either

    engine.atom_notifier.register(notifier.Notifier.ANY, follow)
    engine.run()


def conclude(
    conf: cfg.ConfigOpts, error: Exception, notification: Notification, vmoves: Sequence[VMove]
) -> Result:
    """Tell what comes of a recovery that an error has ended before its instances were all looked at.

    :param vmoves: while one of them is to be tried, only what is no use trying again gives it up: the tries
        of before were the instances'
    """
    is_counted = retries.is_counted(error)
    is_waited_for = any(vmove.retry_at or not vmove.status.is_final for vmove in vmoves)
    verdict = retries.judge(conf, error, notification.attempts, is_counted and not is_waited_for)
    if verdict.retry_at is None:
        return Result(NotificationStatus.FAILED, verdict.message)
    message = f"{verdict.message}; {retries.describe(verdict.retry_at)}"
    return Result(NotificationStatus.ERROR, message, verdict.retry_at, is_counted)


def summarize(vmoves: list[VMove]) -> Result:
    """Tell what came of a recovery by its moves.

    An instance that was not brought back makes it an error while it is to be tried again, else a failure.
    """
    if not vmoves:
        return Result(NotificationStatus.FINISHED, "no instance to move")
    counts = collections.Counter(vmove.status for vmove in vmoves)
    message = ", ".join(f"{counts[status]} {status}" for status in VMoveStatus if counts[status])
    lost = [vmove for vmove in vmoves if vmove.status not in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)]
    if not lost:
        return Result(NotificationStatus.FINISHED, message)
    reasons = "; ".join(_list_reasons(lost))
    times = [vmove.retry_at for vmove in lost if vmove.retry_at]
    if times:
        message += f", {retries.describe(min(times))}"
        return Result(NotificationStatus.ERROR, f"{message}; {reasons}", min(times))
    return Result(NotificationStatus.FAILED, f"{message}; {reasons}")


def _list_reasons(vmoves: list[VMove]) -> list[str]:
    reasons = [f"{vmove.instance_uuid}: {vmove.message or 'lost'}" for vmove in vmoves]
    if len(reasons) > _REASONS:
        reasons[_REASONS:] = [f"and {len(reasons) - _REASONS} more, see its vmoves"]
    return reasons
