"""The flow that recovers a failed compute host."""

from taskflow.patterns import linear_flow

from masakari_lite.recovery import runner
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host import tasks
from masakari_lite.recovery.results import Result


def build_host_failure_flow(context: RecoveryContext) -> linear_flow.Flow:
    """Build the flow that recovers the host of the context's notification."""
    flow = linear_flow.Flow("host_failure")
    return flow.add(
        tasks.DisableComputeServiceTask(context),
        tasks.PrepareHAEnabledInstancesTask(context),
        tasks.EvacuateInstancesTask(context),
    )


def recover_host(context: RecoveryContext) -> Result:
    """Recover the host of the context's notification by the method ``auto``: the scheduler chooses the hosts.

    :raises RecoveryLeft: when the engine stopped, or lost its claim, before the end
    :raises JournalError: when the journal could not be written
    """
    return runner.recover(build_host_failure_flow(context), context, tasks.enable_unrecovered_host)
