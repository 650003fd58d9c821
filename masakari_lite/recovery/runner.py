"""Running a recovery's flow, and telling what came of it."""

import logging
from collections.abc import Callable

import taskflow.engines
from taskflow.patterns import linear_flow
from taskflow.types import notifier

from masakari_lite import exceptions
from masakari_lite.recovery import locking
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.results import Result, conclude, summarize

LOG = logging.getLogger(__name__)


def recover(
    flow: linear_flow.Flow,
    context: RecoveryContext,
    undo: Callable[[RecoveryContext], None] = lambda _context: None,
) -> Result:
    """Run a recovery's flow to its end.

    :param undo: takes back what the flow has done when the recovery is given up
    :raises RecoveryLeft: when the engine stopped, or lost its claim, before the end
    :raises JournalError: when the journal could not be written, so that nobody knows how far it came
    """
    uuid = context.notification.notification_uuid
    try:
        run(flow, context)
        return summarize(context.journal.vmoves.list_of(uuid), context.poller.doubt)
    except (exceptions.RecoveryLeft, exceptions.JournalError):
        raise
    except exceptions.MasakariLiteError as error:
        if isinstance(error, exceptions.Retriable) and context.is_stopping():
            raise exceptions.EngineStopping(str(error)) from error  # it was repeated for too short a time
        LOG.error("[%s] %s", uuid, error)
        cause: Exception = error
    except Exception as error:
        LOG.exception("[%s] Unexpected error", uuid)
        cause = RuntimeError(f"unexpected {type(error).__name__}: {error}")
    locking.release_locks(context)
    result = conclude(context, cause, context.journal.vmoves.list_of(uuid))
    if result.status.is_final:
        undo(context)
    return result


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
            LOG.debug("Progress not written: %s", error)  # what is to be done next cannot be either

    engine.atom_notifier.register(notifier.Notifier.ANY, follow)
    engine.run()
