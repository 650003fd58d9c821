"""What a normal user may not do, and how Nova says so."""

import pytest

EVACUATE = "os_compute_api:os-evacuate"
RESET = "os_compute_api:os-admin-actions:reset_state"


@pytest.fixture(scope="module")
def server(alive):
    return alive()


def forbidden(rule):
    return 403, f"Policy doesn't allow {rule} to be performed."


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("/os-services", "os_compute_api:os-services:list"),
        ("/os-migrations", "os_compute_api:os-migrations:index"),
        ("/servers/detail?all_tenants=1", "os_compute_api:servers:detail:get_all_tenants"),
    ],
    ids=["services", "migrations", "all servers"],
)
def test_a_normal_user_may_not_list(owner, path, rule):
    assert owner.send("GET", path).refusal == forbidden(rule)


@pytest.mark.parametrize(
    ("action", "value", "rule"),
    [("evacuate", {}, EVACUATE), ("os-resetState", {"state": "error"}, RESET)],
    ids=["evacuate", "resetState"],
)
def test_a_normal_user_may_not(owner, server, action, value, rule):
    assert owner.act(server, action, value).refusal == forbidden(rule)


def test_a_normal_user_may_not_change_a_service(site, masakari, owner):
    uuid = masakari.service(site.living)["id"]
    answer = owner.send("PUT", f"/os-services/{uuid}", {"forced_down": True})
    assert answer.refusal == forbidden("os_compute_api:os-services:update")
    assert not masakari.service(site.living)["forced_down"]


def test_a_normal_user_does_not_see_hosts(masakari, owner, server):
    hidden = {"OS-EXT-SRV-ATTR:host", "OS-EXT-SRV-ATTR:hypervisor_hostname", "OS-EXT-SRV-ATTR:instance_name"}
    assert hidden <= masakari.server(server).keys()
    assert not hidden & owner.server(server).keys()


def test_a_normal_users_host_filter_is_ignored(owner, server):
    assert server in [found["id"] for found in owner.servers(host="elsewhere")]


def test_another_projects_server_is_not_found(masakari, admin, site):
    """An admin sees all; who has no admin role sees nothing of another project's."""
    unknown = "00000000-0000-4000-8000-000000000000"
    for client in (masakari, admin, site.client("owner")):
        assert client.send("GET", f"/servers/{unknown}").refusal == (
            404,
            f"Instance {unknown} could not be found.",
        )
