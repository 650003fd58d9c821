"""What Nova tells of servers, one by one and in lists."""

import datetime

import pytest

from tests.contract.client import Client, host_of, states

BEGINNING = "2020-01-01T00:00:00Z"
GONE = "Instance {} could not be found."


def later(moment: str, seconds: int) -> str:
    """Return a time of Nova's, so many seconds later."""
    parsed = datetime.datetime.fromisoformat(moment) + datetime.timedelta(seconds=seconds)
    return parsed.strftime("%Y-%m-%dT%H:%M:%SZ")


def ids(servers: list) -> list[str]:
    return [server["id"] for server in servers]


@pytest.fixture(scope="module")
def server(alive):
    return alive()


@pytest.fixture(scope="module")
def deleted(site, alive, owner, masakari):
    """A server that its owner has deleted."""
    server = alive()
    assert owner.send("DELETE", f"/servers/{server}").status == 204
    site.until(lambda: masakari.send("GET", f"/servers/{server}").status == 404, f"{server} to be gone")
    return server


def test_the_hypervisor_and_the_host_are_two_fields(site, masakari, server):
    """Compare the host: the hypervisor's name may be a full one where the service's host is a short one."""
    found = masakari.server(server)
    assert host_of(found) == masakari.service(site.living)["host"] == site.living
    assert found["OS-EXT-SRV-ATTR:hypervisor_hostname"] == site.node(site.living)


def test_a_host_is_not_found_by_its_hypervisors_name(site, masakari, server):
    node = site.node(site.living)
    is_the_same = node == site.living
    assert (server in ids(masakari.servers(all_tenants=1, host=node))) is is_the_same
    assert bool(masakari.get("/os-services", host=node, binary="nova-compute")["services"]) is is_the_same


def test_an_active_server(masakari, server):
    assert states(masakari.server(server)) == ("active", "ACTIVE", 1, None)


def test_a_stopped_server(masakari, alive):
    assert states(masakari.server(alive("stopped"))) == ("stopped", "SHUTOFF", 4, None)


def test_locked_is_shown_from_2_9_and_its_reason_from_2_73(masakari, server):
    assert "locked" not in masakari.server(server, "2.8")
    assert masakari.server(server, "2.9")["locked"] is False
    assert "locked_reason" not in masakari.server(server, "2.72")
    assert masakari.server(server, "2.73")["locked_reason"] is None


def test_an_admins_list_has_the_servers_of_all_projects_on_a_host(site, masakari, server):
    found = masakari.servers(all_tenants=1, host=site.living)
    assert server in ids(found)
    assert {host_of(one) for one in found} == {site.living}


def test_an_unknown_host_has_no_servers(masakari):
    assert masakari.servers(all_tenants=1, host="nowhere") == []


def test_pages_are_linked(site, masakari, alive):
    alive(), alive()
    query = {"all_tenants": 1, "host": site.living}
    everything = ids(masakari.servers(**query))
    seen: list[str] = []
    body = masakari.get("/servers/detail", **query, limit=2)
    while body["servers"]:
        seen += ids(body["servers"])
        (link,) = body["servers_links"]
        assert link["rel"] == "next"
        assert f"marker={seen[-1]}" in link["href"]
        answer = masakari.send("GET", "/servers/detail?" + link["href"].partition("?")[2])
        assert answer.status == 200
        body = answer.body
        if len(body["servers"]) < 2:
            # a page that is not full has no link
            assert "servers_links" not in body
            seen += ids(body["servers"])
            break
    assert seen == everything


def test_the_newest_server_comes_first(masakari):
    found = [server["created"] for server in masakari.servers(all_tenants=1)]
    assert found == sorted(found, reverse=True)


def test_an_unknown_marker_is_refused(masakari):
    unknown = "00000000-0000-4000-8000-000000000000"
    answer = masakari.send("GET", "/servers/detail", query={"all_tenants": 1, "marker": unknown})
    assert answer.refusal == (400, f"marker [{unknown}] not found")


def test_changes_since_is_inclusive(masakari, server):
    updated = masakari.server(server)["updated"]
    assert server in ids(masakari.servers(all_tenants=1, changes_since=updated))
    assert server not in ids(masakari.servers(all_tenants=1, changes_since=later(updated, 1)))


def test_changes_since_has_the_deleted_with_their_host(site, masakari, deleted):
    changed = {found["id"]: found for found in masakari.servers(all_tenants=1, changes_since=BEGINNING)}
    assert host_of(changed[deleted]) == site.living
    assert states(changed[deleted])[:2] == ("deleted", "DELETED")
    assert deleted in ids(masakari.servers(all_tenants=1, changes_since=BEGINNING, host=site.living))


def test_without_changes_since_the_deleted_are_left_out(masakari, deleted):
    assert deleted not in ids(masakari.servers(all_tenants=1))


def test_changes_since_can_leave_the_deleted_out(masakari, server, deleted):
    found = ids(masakari.servers(all_tenants=1, changes_since=BEGINNING, deleted="false"))
    assert server in found
    assert deleted not in found


def test_the_list_without_details_has_what_has_changed_on_a_host(site, masakari, server, deleted):
    query = {"all_tenants": 1, "host": site.living, "limit": 1000}
    found = masakari.get("/servers", **query, **{"changes-since": BEGINNING})["servers"]
    assert {server, deleted} <= set(ids(found))
    assert {name for one in found for name in one} == {"id", "name", "links"}
    updated = masakari.server(server)["updated"]
    since = later(updated, 1)
    assert server not in ids(masakari.get("/servers", **query, **{"changes-since": since})["servers"])
    elsewhere = query | {"host": site.failing, "changes-since": BEGINNING}
    assert server not in ids(masakari.get("/servers", **elsewhere)["servers"])


def test_an_owners_lock_is_a_change(site, masakari, owner, alive):
    server = alive()
    updated = masakari.server(server)["updated"]
    query = {"all_tenants": 1, "host": site.living, "changes-since": later(updated, 1)}

    def is_listed():
        assert owner.act(server, "lock").status == 202
        assert owner.act(server, "unlock").status == 202
        return server in ids(masakari.get("/servers", **query)["servers"])

    site.until(is_listed, "a change after the second of its last one")


def test_an_admin_can_list_the_deleted_only(masakari, server, deleted):
    found = ids(masakari.servers(all_tenants=1, deleted="true"))
    assert deleted in found
    assert server not in found


def test_the_owner_sees_deleted_ones_without_their_host(owner, deleted):
    changed = {found["id"]: found for found in owner.servers(changes_since=BEGINNING)}
    assert "OS-EXT-SRV-ATTR:host" not in changed[deleted]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("evacuate", {}),
        ("os-resetState", {"state": "error"}),
        ("lock", {"locked_reason": "why"}),
        ("unlock", None),
        ("os-stop", None),
        ("os-start", None),
    ],
)
def test_a_deleted_servers_actions_are_not_found(masakari, deleted, action, value):
    assert masakari.act(deleted, action, value).refusal == (404, GONE.format(deleted))


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_deleted_server_is_not_found(masakari, owner, deleted, method):
    for client in (masakari, owner):
        assert client.send(method, f"/servers/{deleted}").refusal == (404, GONE.format(deleted))


def reset(masakari: Client, server: str, state: str) -> None:
    assert masakari.act(server, "os-resetState", {"state": state}).status == 202


def test_reset_changes_the_state_not_the_guest(masakari, alive):
    server = alive()
    reset(masakari, server, "error")
    assert states(masakari.server(server)) == ("error", "ERROR", 1, None)
    reset(masakari, server, "active")
    assert states(masakari.server(server)) == ("active", "ACTIVE", 1, None)


def test_reset_knows_two_states(masakari, server):
    status, message = masakari.act(server, "os-resetState", {"state": "stopped"}).refusal
    assert status == 400
    assert message.startswith("Invalid input for field/attribute state. Value: stopped.")


def test_stop_from_error_and_not_from_stopped(site, masakari, alive):
    server = alive()
    reset(masakari, server, "error")
    assert masakari.act(server, "os-stop").status == 202
    stopped = ("stopped", "SHUTOFF", 4, None)
    site.until(lambda: states(masakari.server(server)) == stopped, f"{server} to be stopped")
    assert masakari.act(server, "os-stop").refusal == (
        409,
        f"Cannot 'stop' instance {server} while it is in vm_state stopped",
    )
    reset(masakari, server, "error")
    assert states(masakari.server(server)) == ("error", "ERROR", 4, None)
    # a row that lies is set right
    reset(masakari, server, "active")
    assert states(masakari.server(server)) == ("active", "ACTIVE", 4, None)
    assert masakari.act(server, "os-stop").status == 202
    site.until(lambda: states(masakari.server(server)) == stopped, f"{server} to be stopped")
