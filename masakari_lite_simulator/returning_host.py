"""What a restarted nova-compute does about the evacuations from its host."""

from __future__ import annotations

from masakari_lite_simulator import errors
from masakari_lite_simulator.models import Host, Migration
from masakari_lite_simulator.state import CloudState


def check_may_be_forced_up(state: CloudState, host: Host) -> None:
    """Refuse to unset forced_down before the restarted compute has completed the evacuations from it.

    :raises ApiError: 400
    """
    if any(migration.status == "done" for migration in _evacuations_from(state, host)):
        raise errors.bad_request(
            f"Unable to force up host {host.name} as `done` evacuation migration records remain associated "
            "with the host. Ensure the compute service has been restarted, allowing these records to move to "
            "`completed` before retrying this request."
        )


def complete_evacuations(state: CloudState, host: Host) -> list[str]:
    """Complete the evacuations from a restarted compute; return the servers whose evacuation was running.

    The compute destroys its copies of those too: nothing is left of one that has not been rebuilt yet.
    """
    early = []
    for migration in _evacuations_from(state, host):
        if migration.is_running:
            early.append(migration.instance_uuid)
        if migration.is_running or migration.status == "done":
            state.set_migration(migration, status="completed")
    return early


def _evacuations_from(state: CloudState, host: Host) -> list[Migration]:
    return [
        migration
        for migration in state.visible_migrations()
        if migration.source_compute == host.name and migration.migration_type == "evacuation"
    ]
