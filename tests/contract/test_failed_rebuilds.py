"""Rebuilds that fail on a host that has claimed them, unlike evacuations for which there is no host."""

from tests.contract.client import host_of, states


def test_somebody_resets_the_instance_meanwhile(site, masakari, dead):
    """The destination finds it in no task: the rebuild fails, and only the record tells the truth of it."""
    server = dead()
    with site.held_conductor():
        masakari.evacuate(server)
        assert masakari.act(server, "os-resetState", {"state": "active"}).status == 202
        assert states(masakari.server(server)) == ("active", "ACTIVE", 1, None)
    failed = site.until(lambda: in_error(masakari, server), "the rebuild to fail")
    # it is in no task, but looks as if it were
    assert states(failed) == ("error", "REBUILD", 0, "rebuilding")
    assert host_of(failed) == site.failing
    (record,) = masakari.evacuations(server)
    assert (record["status"], record["source_compute"]) == ("failed", site.failing)
    # it was claimed, and no other host is tried
    assert record["dest_compute"] in set(site.hosts) - {site.failing}

    masakari.evacuate(server)
    assert states(site.finish(server)) == ("active", "ACTIVE", 1, None)
    assert [record["status"] for record in masakari.evacuations(server)] == ["done", "failed"]


def in_error(masakari, server):
    found = masakari.server(server)
    return found if found["OS-EXT-STS:vm_state"] == "error" else None


def test_the_record_is_deleted_with_the_instance(site, masakari, owner, dead):
    """So nobody sees how an evacuation ends whose instance the owner deletes meanwhile."""
    server = dead()
    with site.held_conductor():
        masakari.evacuate(server)
        assert owner.send("DELETE", f"/servers/{server}").status == 204
        assert masakari.send("GET", f"/servers/{server}").status == 404
        assert masakari.evacuations(server) == []
    assert masakari.migrations(instance_uuid=server, changes_since="2020-01-01T00:00:00Z") == []


def test_while_its_destination_does_not_go_on_nothing_says_that_it_has_arrived(site, masakari, dead):
    """As when the destination dies: no compute is left then to change the record."""
    with site.held_rebuild([dead() for _ in range(3)]) as server:
        record, found = masakari.evacuations(server)[0], masakari.server(server)
        assert (record["status"], record["dest_compute"]) == ("pre-migrating", site.living)
        assert host_of(found) == site.failing
        assert found["OS-EXT-STS:task_state"].startswith("rebuild")
    assert host_of(site.finish(server)) == site.living
