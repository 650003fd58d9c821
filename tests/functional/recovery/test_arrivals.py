"""What can be with an instance that has arrived on another host, or nearly."""

from collections.abc import Callable

from masakari_lite.compute.nova import NovaAPI
from masakari_lite_simulator import Server, evacuation
from tests.harness.monitor import HOST
from tests.harness.site import Site


def test_an_instance_that_breaks_on_arrival_is_failed(site: Site) -> None:
    (server,) = site.add(1)
    site.simulator.faults.set_latency("server.list", 0.3)
    uuid = site.begin()
    site.until(lambda: site.evacuations(server)[0].status == "done")
    with site.cloud.up_to_date():
        site.cloud.update(server, vm_state="error", fault=site.cloud.fault("its disk is gone"))
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, server)["message"] == (
        f"evacuated to {server.host}, but it is in error there: its disk is gone"
    )


LATENCY = 5.0
BACKUP = {"createBackup": {"name": "backup", "backup_type": "daily", "rotation": 1}}


def _begin_backup_between_hosts(site: Site, server: Server) -> str:
    """Have the owner begin a backup after the rebuild and before the host changes; a lock lets it pass."""
    uuid = site.begin()
    site.clock.leap(evacuation.SPAWNED * LATENCY)
    site.until(lambda: server.vm_state == "active" and not server.task_state)
    assert site.ask_as_owner(server, BACKUP) == 202
    with site.cloud.up_to_date():
        assert server.host == HOST  # so it is told to the dead host
    return uuid


def test_a_backup_that_was_told_to_the_dead_host_delays_nothing(build_site: Callable[..., Site]) -> None:
    """Nova leaves its task_state for ever."""
    site = build_site(cloud={"evacuation_latency": LATENCY})
    (server,) = site.add(1)
    uuid = _begin_backup_between_hosts(site, server)
    site.clock.leap(LATENCY)
    ended = site.engine.wait(uuid)
    assert ended["status"] == "finished"
    assert site.has(server, vm_state="active", task_state="image_backup", locked=False)
    assert "its task_state is image_backup: if that does not end" in site.vmove(ended, server)["message"]


def test_a_backup_on_arrival_is_waited_for_before_the_power_is_restored(site: Site) -> None:
    (server,) = site.add(1, vm_state="paused", power_state=3)
    site.simulator.faults.set_latency("server.show", 0.5)
    uuid = site.begin()
    site.until(lambda: site.evacuations(server)[0].status == "done")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state="image_backup")
    count = site.simulator.requests.count("migration.list")
    site.until(lambda: site.simulator.requests.count("migration.list") > count + 3)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    assert not site.simulator.requests.count("server.stop")
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state=None)
    assert site.engine.wait(uuid)["status"] == "finished"
    assert site.has(server, vm_state="stopped", locked=False)


def test_a_state_that_is_reset_in_mid_rebuild_costs_one_try(build_site: Callable[..., Site]) -> None:
    """Nova ends the record as failed, and leaves the task_state for ever."""
    site = build_site(
        cloud={"evacuation_latency": 3},
        wait_period_after_evacuation=600,
        host_failure__evacuation_retry_interval=0.2,
    )
    (server,) = site.add(1)
    uuid = site.begin()
    site.until(lambda: server.task_state == "rebuild_spawning")
    NovaAPI(site.conf).servers.reset_state(server.uuid, "error")
    site.until(lambda: site.evacuations(server)[0].status == "failed")
    site.until(lambda: site.engine.api.get_notification(uuid)["status"] == "finished")
    assert site.engine.api.get_notification(uuid)["attempts"] == 2
    assert [record.status for record in site.evacuations(server)] == ["failed", "done"]
    assert site.has(server, vm_state="active", task_state=None, locked=False)
    site.assert_safe()
