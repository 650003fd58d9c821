"""How an evacuation begins, goes on and ends."""

import pytest

from tests.contract.client import host_of, states

ACTIVE = ("active", "ACTIVE", 1, None)
STOPPED = ("stopped", "SHUTOFF", 4, None)
BEGINNING = "2020-01-01T00:00:00Z"

# what an instance goes through, each line at once: (vm_state, task_state, has moved)
LIFE = [
    ("active", "rebuilding", False),
    ("active", "rebuild_block_device_mapping", False),
    ("active", "rebuild_spawning", False),
    ("active", None, False),
    ("active", None, True),
]
LIFE_OF_A_STOPPED_ONE = [
    ("stopped", "rebuilding", False),
    ("stopped", "rebuild_block_device_mapping", False),
    ("stopped", "rebuild_spawning", False),
    ("active", None, False),
    ("active", "powering-off", False),
    ("stopped", None, False),
    ("stopped", None, True),
]
STATUSES = ["accepted", "pre-migrating", "done"]


def test_it_is_accepted_with_200_and_no_body_and_leaves_its_source(site, masakari, dead):
    server = dead()
    assert server in [found["id"] for found in masakari.servers(all_tenants=1, host=site.failing)]
    answer = masakari.act(server, "evacuate", {})
    assert (answer.status, answer.text) == (200, "")
    site.finish(server)
    assert server not in [found["id"] for found in masakari.servers(all_tenants=1, host=site.failing)]


def test_what_nova_has_noted_when_it_answers(site, masakari, dead):
    server = dead()
    with site.held_conductor():
        masakari.evacuate(server)
        assert states(masakari.server(server)) == ("active", "REBUILD", 1, "rebuilding")
        (record,) = masakari.evacuations(server)
        assert (record["status"], record["source_compute"]) == ("accepted", site.failing)
        assert (record["dest_compute"], record["dest_node"]) == (None, None)
    site.finish(server)


def test_changes_since_hides_a_record_until_its_first_change(site, masakari, dead):
    server = dead()
    query = {"instance_uuid": server, "changes_since": BEGINNING}
    with site.held_conductor():
        masakari.evacuate(server)
        (record,) = masakari.evacuations(server)
        assert record["updated_at"] is None
        assert masakari.migrations(**query) == []
    site.finish(server)
    assert [record["status"] for record in masakari.migrations(**query)] == ["done"]


@pytest.mark.parametrize(
    ("vm_state", "life"), [("active", LIFE), ("stopped", LIFE_OF_A_STOPPED_ONE)], ids=["active", "stopped"]
)
def test_the_order_of_things(site, masakari, dead, vm_state, life):
    server = dead(vm_state)
    seen = []
    statuses = []
    masakari.evacuate(server)
    while statuses[-1:] != ["done"]:
        (record,) = masakari.evacuations(server)
        found = masakari.server(server)
        note(statuses, record["status"])
        has_moved = host_of(found) != site.failing
        note(seen, (found["OS-EXT-STS:vm_state"], found["OS-EXT-STS:task_state"], has_moved))
        # done comes last of all: what is asked for after it has moved and has no task
        assert has_moved or record["status"] != "done"
        assert record["dest_compute"] or record["status"] == "accepted"
    assert is_part(statuses, STATUSES), statuses
    assert is_part(seen, life), seen
    assert seen[-1] == life[-1]


def note(seen, what):
    if seen[-1:] != [what]:
        seen.append(what)


def is_part(some, all_of_them):
    """Tell whether these come in that order; short ones may have been missed."""
    rest = iter(all_of_them)
    return all(one in rest for one in some)


@pytest.mark.parametrize(
    ("vm_state", "is_reset", "version", "end"),
    [
        ("active", False, "2.94", ACTIVE),
        ("stopped", False, "2.94", STOPPED),
        ("active", True, "2.94", ACTIVE),
        ("stopped", True, "2.94", ACTIVE),
        ("active", False, "2.53", ACTIVE),
        ("active", False, "2.95", STOPPED),
        ("active", True, "2.95", ACTIVE),
    ],
    ids=[
        "active",
        "stopped",
        "error",
        "error, stopped before",
        "active at 2.53",
        "active at 2.95",
        "error at 2.95",
    ],
)
def test_the_state_at_the_end(site, masakari, dead, vm_state, is_reset, version, end):
    server = dead(vm_state)
    if is_reset:
        assert masakari.act(server, "os-resetState", {"state": "error"}).status == 202
    masakari.evacuate(server, version)
    assert states(site.finish(server)) == end


@pytest.mark.parametrize(
    ("action", "value", "task_state"),
    [
        ("os-stop", None, "powering-off"),
        ("reboot", {"type": "SOFT"}, "rebooting"),
        ("createBackup", {"name": "copy", "backup_type": "daily", "rotation": 1}, "image_backup"),
    ],
    ids=["powering-off", "rebooting", "image_backup"],
)
def test_any_task_state_is_accepted(site, masakari, owner, dead, action, value, task_state):
    server = dead()
    assert owner.act(server, action, value).status == 202
    assert masakari.server(server)["OS-EXT-STS:task_state"] == task_state
    masakari.evacuate(server)
    # what the owner asked of the dead host is lost
    assert states(site.finish(server)) == ACTIVE


def test_a_second_one_is_accepted_while_the_first_runs(site, masakari, dead):
    server = dead()
    with site.held_conductor():
        masakari.evacuate(server)
        masakari.evacuate(server)
        assert statuses_of(masakari, server) == ["accepted", "accepted"]
    # nobody knows how that ends: one record may stay accepted until the source returns, and the instance in
    # a task that is none
    site.until(lambda: {"done", "failed"} & set(statuses_of(masakari, server)), "an end")


def statuses_of(masakari, server):
    return [record["status"] for record in masakari.evacuations(server)]


def test_the_target_can_be_chosen(site, masakari, dead):
    server = dead()
    with site.held_conductor():
        masakari.evacuate(server, host=site.living)
        assert [record["dest_compute"] for record in masakari.evacuations(server)] == [site.living]
    assert host_of(site.finish(server)) == site.living


def test_a_lock_and_its_reason_survive(site, masakari, dead):
    server = dead()
    reason = "r" * 255
    assert masakari.act(server, "lock", {"locked_reason": reason}).status == 202
    masakari.evacuate(server)
    found = site.finish(server)
    assert (found["locked"], found["locked_reason"]) == (True, reason)


def test_the_owners_lock_is_no_obstacle_and_survives(site, masakari, owner, dead):
    server = dead()
    assert owner.act(server, "lock", {"locked_reason": "mine"}).status == 202
    masakari.evacuate(server)
    found = site.finish(server)
    assert (found["locked"], found["locked_reason"]) == (True, "mine")
    assert owner.act(server, "unlock").status == 202


def test_what_its_owner_deletes_on_a_host_that_is_down_is_gone_at_once(masakari, owner, dead):
    server = dead()
    assert owner.send("DELETE", f"/servers/{server}").status == 204
    assert masakari.act(server, "evacuate", {}).refusal == (404, f"Instance {server} could not be found.")
