"""Instances that their owners delete while their host is recovered."""

from collections.abc import Callable

import pytest

from masakari_lite_simulator import Fault
from tests.harness.site import Site


def test_an_instance_deleted_on_its_way_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.4})
    doomed, other = site.add(2)
    uuid = site.begin()
    site.until(lambda: site.cloud.running.get(doomed.uuid))
    with site.cloud.up_to_date():
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid)
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded, 1 ignored")
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"
    site.assert_evacuated_once(other)


def test_an_instance_deleted_on_its_way_keeps_no_thread(build_site: Callable[..., Site]) -> None:
    """Nova takes its evacuation record with it, so that nothing is seen to end."""
    site = build_site(cloud={"evacuation_latency": 600})
    (doomed,) = site.add(1)
    uuid = site.begin()
    with site.cloud.up_to_date():
        site.cloud.migrations.clear()
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid, limit=site.conf.wait_period_after_evacuation / 3)
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"


def test_an_instance_deleted_before_its_turn_is_ignored(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = site.begin()
    (doomed,) = [server for server in servers if not site.evacuations(server)]
    with site.cloud.up_to_date():
        site.cloud.destroy(doomed)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, doomed)["message"] == "it was deleted meanwhile"
    assert not site.evacuations(doomed)


@pytest.mark.parametrize("change", [{"vm_state": "soft-delete"}, {"task_state": "deleting"}])
def test_an_instance_being_deleted_before_its_turn_is_ignored(
    build_site: Callable[..., Site], change: dict[str, str]
) -> None:
    site = build_site(cloud={"evacuation_latency": 0.3}, host_failure_recovery_threads=1)
    servers = site.add(2)
    uuid = site.begin()
    (doomed,) = [server for server in servers if not site.evacuations(server)]
    with site.cloud.up_to_date():
        site.cloud.update(doomed, **change)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, doomed)["message"] == "its owner has deleted it meanwhile"
    assert not site.evacuations(doomed)
    assert site.has(doomed, **change)


def test_an_instance_deleted_when_asked_for_is_ignored(site: Site) -> None:
    """Nova's 404 to the evacuation itself says it as well."""
    (server,) = site.add(1)
    gone = Fault(status=404, message=f"Instance {server.uuid} could not be found.")
    site.simulator.faults.add("server.evacuate", gone)
    move = site.vmove(site.recover(), server)
    assert (move["status"], move["message"]) == ("ignored", "it was deleted meanwhile")
    assert not server.locked


def test_an_instance_deleted_before_it_is_stopped_again_is_ignored(site: Site) -> None:
    site.cloud.options.action_latency = 60
    (server,) = site.add(1, vm_state="paused")
    uuid = site.begin()
    site.until(lambda: server.task_state == "powering-off")
    with site.cloud.up_to_date():
        site.cloud.destroy(server)
    ended = site.engine.wait(uuid)
    assert site.vmove(ended, server)["message"] == "it was deleted meanwhile"


@pytest.mark.parametrize("microversion", ["2.60", "2.96"])
def test_an_instance_deleted_before_its_unlock_has_come_back(
    build_site: Callable[..., Site], microversion: str
) -> None:
    """Its owner could delete it only after the lock was gone, but an administrator could before."""
    site = build_site(cloud={"max_microversion": microversion})
    (server,) = site.add(1)
    gone = Fault(status=404, message=f"Instance {server.uuid} could not be found.")
    site.simulator.faults.add("server.unlock", gone)
    move = site.vmove(site.recover(), server)
    assert (move["status"], move["locked_by_us"]) == ("succeeded", False)
    assert gone.hits == 1
