"""What evacuation records have told is verified by lists of Nova's, after the instances are unlocked."""

from collections.abc import Callable

from masakari_lite_simulator import Fault
from tests.harness.monitor import HOST
from tests.harness.site import Site

LONG_AGO = 120
RETRY = {"host_failure__evacuation_retry_interval": 0.2, "nova__retry_period": 0}


def begin_and_unlock(site: Site, server) -> str:
    """Begin a recovery; return when its only instance is unlocked, and its list takes a while."""
    site.clock.leap(LONG_AGO)
    site.simulator.faults.set_latency("server.list", 0.5)
    uuid = site.begin()
    site.until(lambda: site.evacuations(server)[0].status == "done" and not server.locked)
    return uuid


def test_what_its_record_tells_costs_no_request_of_its_own(site: Site) -> None:
    servers = site.add(12)
    stopped = site.add(3, vm_state="stopped", power_state=4)
    site.clock.leap(LONG_AGO)  # what has just changed is asked for by itself
    ended = site.recover()
    assert ended["message"] == "15 succeeded"
    site.assert_evacuated_once(*servers)
    site.assert_evacuated_once(*stopped, vm_state="stopped")
    assert not site.simulator.requests.count("server.show")
    assert site.vmove(ended, servers[0])["reason"] == "evacuated"


def test_what_is_to_be_restored_is_asked_for_by_itself(site: Site) -> None:
    (paused,) = site.add(1, vm_state="paused", power_state=3)
    site.clock.leap(LONG_AGO)
    assert site.recover()["message"] == "1 succeeded"
    site.assert_evacuated_once(paused, vm_state="stopped")
    assert site.simulator.requests.count("server.show")


def test_what_nova_does_not_confirm_is_waited_for_under_lock(site: Site) -> None:
    (server,) = site.add(1)
    uuid = begin_and_unlock(site, server)
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state="rebuilding")
    site.until(lambda: server.locked)
    assert site.engine.api.get_notification(uuid)["status"] == "running"
    with site.cloud.up_to_date():
        site.cloud.update(server, task_state=None)
    assert site.engine.wait(uuid)["message"] == "1 succeeded"
    site.assert_evacuated_once(server)


def test_one_that_is_on_the_failed_host_again_is_failed(build_site: Callable[..., Site]) -> None:
    site = build_site(wait_period_after_evacuation=1)
    (server,) = site.add(1)
    uuid = begin_and_unlock(site, server)
    with site.cloud.up_to_date():
        site.cloud.update(server, host=HOST)
    ended = site.engine.wait(uuid)
    assert "the instance is on compute-1, vm_state active" in site.vmove(ended, server)["message"]
    assert len(site.evacuations(server)) == 1
    assert not server.locked


def test_one_that_its_owner_has_deleted_since_was_evacuated(site: Site) -> None:
    (server,) = site.add(1)
    uuid = begin_and_unlock(site, server)
    with site.cloud.up_to_date():
        site.cloud.destroy(server)
    assert site.engine.wait(uuid)["message"] == "1 succeeded"


def test_what_its_owner_does_after_the_unlock_is_left_alone(site: Site) -> None:
    (server,) = site.add(1)
    uuid = begin_and_unlock(site, server)
    assert site.ask_as_owner(server, {"os-stop": None}) == 202
    assert site.ask_as_owner(server, {"lock": None}) == 202
    assert site.engine.wait(uuid)["message"] == "1 succeeded"
    assert site.has(server, vm_state="stopped", locked_by="owner")
    assert len(site.evacuations(server)) == 1


def test_while_nova_does_not_answer_nothing_has_succeeded(build_site: Callable[..., Site]) -> None:
    site = build_site(cloud={"evacuation_latency": 600}, **RETRY)
    (server,) = site.add(1)
    uuid = site.begin()
    fault = site.simulator.faults.add("server.list", Fault(status=503))
    site.clock.leap(600)
    site.until(lambda: fault.hits)
    assert not server.locked
    assert site.engine.api.list_vmoves(uuid)[0]["status"] == "ongoing"
    site.simulator.faults.clear()
    site.until(lambda: site.engine.api.get_notification(uuid)["status"] == "finished")
    site.assert_evacuated_once(server)


def test_one_that_takes_long_does_not_hold_the_others_up(site: Site) -> None:
    quick, slow = site.add(2)
    site.simulator.faults.add("server.unlock", Fault(status=500, uuid=slow.uuid))
    uuid = site.begin()

    def see_status(server) -> str:
        return str(site.vmove({"notification_uuid": uuid}, server)["status"])

    site.until(lambda: see_status(quick) == "succeeded")
    assert see_status(slow) == "ongoing"
    site.simulator.faults.clear()
    assert site.engine.wait(uuid)["message"] == "2 succeeded"
