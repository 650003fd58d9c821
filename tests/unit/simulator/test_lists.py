"""Lists of servers and of migration records: filters, pages, changes-since."""

import pytest
from novaclient import exceptions

from masakari_lite_simulator.clock import isoformat


@pytest.fixture
def since(simulator, clock):
    """Return the cloud's time as a value for changes-since."""
    return lambda: isoformat(clock.wall(clock.now()))


def test_a_hosts_servers(simulator, admin):
    here, there = simulator.cloud.add_server("compute-1"), simulator.cloud.add_server("compute-2")
    found = admin.servers.list(search_opts={"all_tenants": 1, "host": "compute-1"})
    assert [server.id for server in found] == [here.uuid]
    assert len(admin.servers.list(search_opts={"all_tenants": 1})) == 2
    assert admin.servers.list() == []
    shown = admin.servers.get(there.uuid).to_dict()
    assert shown["OS-EXT-SRV-ATTR:host"] == "compute-2"
    assert shown["OS-EXT-SRV-ATTR:hypervisor_hostname"] == "compute-2.example.org"


def test_an_owner_does_not_see_hosts(simulator, alice):
    server = simulator.cloud.add_server("compute-1")
    assert "OS-EXT-SRV-ATTR:host" not in alice.servers.get(server.uuid).to_dict()


def test_long_lists_come_in_pages(simulator, admin):
    simulator.options.max_limit = 3
    made = {simulator.cloud.add_server("compute-1").uuid for _ in range(7)}
    first = admin.servers.list(search_opts={"all_tenants": 1})
    assert len(first) == 3
    everything = admin.servers.list(search_opts={"all_tenants": 1}, limit=-1)
    assert sorted(server.id for server in everything) == sorted(made)


def test_a_full_page_links_to_the_next(simulator, session):
    for _ in range(3):
        simulator.cloud.add_server("compute-1")
    seen, url = [], f"{simulator.compute_url}/servers/detail?all_tenants=1&limit=2"
    while url:
        body = session().get(url).json()
        seen += [server["id"] for server in body["servers"]]
        url = next((link["href"] for link in body.get("servers_links", [])), None)
    assert len(seen) == len(set(seen)) == 3


def test_an_unknown_marker_is_refused(admin):
    with pytest.raises(exceptions.BadRequest, match="marker .* not found"):  # noqa: RUF043
        admin.servers.list(marker="nothing")


def test_changes_since_shows_what_changed_even_the_deleted(simulator, clock, admin, since):
    kept, gone, _same = (simulator.cloud.add_server("compute-1") for _ in range(3))
    clock.advance(10)
    then = since()
    admin.servers.reset_state(kept.uuid, "error")
    simulator.cloud.destroy(gone)
    found = admin.servers.list(search_opts={"all_tenants": 1, "changes-since": then})
    assert {server.id: server.status for server in found} == {kept.uuid: "ERROR", gone.uuid: "DELETED"}


def test_records_are_filtered_and_newest_first(simulator, admin):
    one, two = simulator.cloud.add_server("compute-1"), simulator.cloud.add_server("compute-2")
    moving = simulator.cloud.add_migration(one, status="running", dest="compute-2")
    resized = simulator.cloud.add_migration(two, migration_type="resize", status="finished")
    assert [record.uuid for record in admin.migrations.list()] == [resized.uuid, moving.uuid]
    assert [record.uuid for record in admin.migrations.list(source_compute="compute-1")] == [moving.uuid]
    assert [record.uuid for record in admin.migrations.list(migration_type="resize")] == [resized.uuid]
    assert [record.uuid for record in admin.migrations.list(status="running")] == [moving.uuid]
    assert len(admin.migrations.list(host="compute-2")) == 2
    assert [record.uuid for record in admin.migrations.list(limit=1, marker=resized.uuid)] == [moving.uuid]


def test_a_record_that_was_never_updated_is_not_among_the_changed(simulator, clock, admin, down, since):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    then = since()
    admin.servers.evacuate(server.uuid)
    assert admin.migrations.list(changes_since=then) == []
    clock.advance(10)
    assert [record.status for record in admin.migrations.list(changes_since=then)] == ["done"]


def test_an_unknown_parameter_is_refused_from_2_59(simulator, session):
    url = f"{simulator.compute_url}/os-migrations?colour=blue"
    for version, status in (("2.58", 200), ("2.59", 400)):
        headers = {"OpenStack-API-Version": f"compute {version}"}
        assert session().get(url, headers=headers, raise_exc=False).status_code == status


def test_servers_by_status_and_name(simulator, alice):
    simulator.cloud.add_server("compute-1", name="web-1")
    stopped = simulator.cloud.add_server("compute-1", name="db-1", vm_state="stopped")
    assert [one.id for one in alice.servers.list(search_opts={"status": "SHUTOFF"})] == [stopped.uuid]
    assert [one.name for one in alice.servers.list(search_opts={"name": "^web"})] == ["web-1"]
    assert len(alice.servers.list(search_opts={"host": "compute-9"})) == 2


@pytest.mark.parametrize("query", ["limit=-1", "changes-since=yesterday"])
def test_wrong_parameters_are_refused(simulator, session, query):
    url = f"{simulator.compute_url}/servers/detail?{query}"
    assert session().get(url, raise_exc=False).status_code == 400
