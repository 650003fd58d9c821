"""An evacuation for which no host has room, and the next one."""

import pytest

from tests.contract.client import host_of, states

TEXT = "No valid host was found. There are not enough hosts available."


@pytest.mark.parametrize("vm_state", ["active", "stopped"])
def test_no_valid_host(site, masakari, owner, dead, full, vm_state):
    server = dead(vm_state)
    power = masakari.server(server)["OS-EXT-STS:power_state"]
    masakari.evacuate(server)
    failed = site.until(lambda: is_over(masakari, server), "the evacuation to fail")

    assert states(failed) == ("error", "ERROR", power, None)
    assert host_of(failed) == site.failing
    (record,) = masakari.evacuations(server)
    assert (record["status"], record["dest_compute"], record["dest_node"]) == ("error", None, None)
    assert (failed["fault"]["code"], failed["fault"]["message"]) == (500, TEXT)
    assert failed["fault"].keys() == {"code", "message", "created", "details"}
    # how it came about is for admins
    assert owner.server(server)["fault"].keys() == {"code", "message", "created"}

    full()  # is no longer
    masakari.evacuate(server)
    again = site.finish(server)
    # Nova has forgotten that it was stopped
    assert states(again) == ("active", "ACTIVE", 1, None)
    assert "fault" not in again
    assert [record["status"] for record in masakari.evacuations(server)] == ["done", "error"]


def is_over(masakari, server):
    """Return the server when its evacuation is over; the record says so first, the instance after it."""
    (record,) = masakari.evacuations(server)
    found = masakari.server(server)
    if found["OS-EXT-STS:task_state"] is not None:
        return None
    assert masakari.evacuations(server)[0]["status"] == "error"
    assert record["status"] in ("accepted", "error")
    return found


def test_a_chosen_target_that_is_closed(site, masakari, dead, full):
    server = dead()
    masakari.evacuate(server, host=site.living)
    failed = site.until(lambda: is_over(masakari, server), "the evacuation to fail")
    assert failed["fault"]["message"].startswith("No valid host was found.")
