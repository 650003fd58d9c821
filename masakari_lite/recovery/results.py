"""What comes of a recovery: the final status of its notification, or its retry."""

import collections
import dataclasses
import datetime
from collections.abc import Sequence

from masakari_lite.models import NotificationStatus, VMove, VMoveStatus
from masakari_lite.reasons import Reason, find_reason
from masakari_lite.recovery import retries
from masakari_lite.recovery.context import RecoveryContext

_REASONS = 10
"""So many instances' reasons are in a notification's message."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a recovery.

    :ivar retry_at: when what failed is retried (UTC, naive); None when nothing is
    :ivar is_counted: whether this was an attempt; else nobody has answered
    """

    status: NotificationStatus
    reason: str
    message: str
    retry_at: datetime.datetime | None = None
    is_counted: bool = True


def conclude(context: RecoveryContext, error: Exception, vmoves: Sequence[VMove]) -> Result:
    """Return what comes of a recovery that an error has ended before all its instances were attempted.

    :param vmoves: while one of them is to be attempted, only an error that a retry cannot help gives the
        recovery up: the attempts of before were the instances'
    """
    is_counted = retries.is_counted(error)
    is_waited_for = any(vmove.retry_at or not vmove.status.is_final for vmove in vmoves)
    attempts = context.notification.attempts
    verdict = retries.judge(
        context.conf, context.journal.clock, error, attempts, is_counted and not is_waited_for
    )
    reason = find_reason(error)
    if verdict.retry_at is None:
        return Result(NotificationStatus.FAILED, reason, verdict.message)
    return Result(NotificationStatus.ERROR, reason, verdict.message, verdict.retry_at, is_counted)


def summarize(vmoves: Sequence[VMove], doubt: str = "") -> Result:
    """Return what came of a recovery by its vmoves.

    An instance that was not brought back makes it an error while it is to be retried, else a failure.

    :param doubt: why there may be more instances than vmoves
    """
    if not vmoves:
        message = f"no instance to evacuate; {doubt}" if doubt else "no instance to evacuate"
        return Result(NotificationStatus.FINISHED, Reason.NO_INSTANCES, message)
    counts = collections.Counter(vmove.status for vmove in vmoves)
    message = ", ".join(f"{counts[status]} {status}" for status in VMoveStatus if counts[status])
    lost = [vmove for vmove in vmoves if vmove.status not in (VMoveStatus.SUCCEEDED, VMoveStatus.IGNORED)]
    if not lost:
        return Result(NotificationStatus.FINISHED, Reason.RECOVERED, message)
    times = [vmove.retry_at for vmove in lost if vmove.retry_at]
    status = NotificationStatus.ERROR if times else NotificationStatus.FAILED
    message += f"; {'; '.join(_list_reasons(lost))}"
    return Result(status, Reason.INSTANCES_FAILED, message, min(times, default=None))


def _list_reasons(vmoves: Sequence[VMove]) -> list[str]:
    reasons = [f"{vmove.instance_uuid}: {vmove.message or 'lost'}" for vmove in vmoves]
    if len(reasons) > _REASONS:
        reasons[_REASONS:] = [f"and {len(reasons) - _REASONS} more, see its vmoves"]
    return reasons
