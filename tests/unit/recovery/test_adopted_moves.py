"""A move that a dead engine left behind, of an instance that was migrating when its host failed."""

import contextlib

import pytest
from oslo_utils import timeutils

from masakari_lite.models import Notification, NotificationStatus, NotificationType, Step, VMove, VMoveStatus
from tests.harness.monitor import HOST
from tests.harness.site import Site

UUID = "0f0e0d0c-0b0a-4009-8807-060504030201"


@pytest.fixture
def site(tmp_path):
    with contextlib.ExitStack() as stack:
        yield Site(tmp_path, stack, {})


def leave_behind(site, server):
    """Write what an engine that died after its evacuate request has left."""
    with site.journal() as journal:
        added = journal.notifications.add(
            Notification(
                notification_uuid=UUID,
                type=NotificationType.COMPUTE_HOST,
                hostname=HOST,
                generated_time=timeutils.utcnow(),
                payload={"event": "STOPPED", "host_status": "NORMAL"},
                status=NotificationStatus.RUNNING,
                attempts=1,
            )
        )
        journal.vmoves.add(
            added,
            [
                VMove(
                    notification_uuid=UUID,
                    instance_uuid=server.uuid,
                    instance_name=server.name,
                    source_host=HOST,
                    vm_state="active",
                    power_state=1,
                    task_state="migrating",
                    migration_baseline=1,
                    status=VMoveStatus.ONGOING,
                    step=Step.EVACUATE,
                    attempts=1,
                    start_time=timeutils.utcnow(),
                )
            ],
        )


def test_our_own_evacuation_is_no_migration_that_was_under_way(site):
    [server] = site.add(1, task_state="migrating")
    site.cloud.add_migration(server, status="failed", dest="compute-2")
    site.cloud.fail_host(HOST)
    site.cloud.force_down(HOST)
    leave_behind(site, server)
    record = site.cloud.add_migration(server, migration_type="evacuation", status="done", dest="compute-3")
    with site.cloud.up_to_date():
        site.cloud.update(server, host=record.dest_compute, task_state=None)
    ended = site.engine.wait(UUID)
    move = site.vmove(ended, server)
    assert (move["status"], move["message"]) == ("succeeded", "evacuated to compute-3")
    assert ended["status"] == "finished"
