"""Microversions: what is offered, what is refused, what each shows."""

import pytest
from novaclient import api_versions, exceptions


@pytest.fixture
def get(simulator, session):
    """GET a path below Nova with a microversion, as masakari; return the response."""

    def call(path, version=None, **headers):
        if version:
            headers["OpenStack-API-Version"] = f"compute {version}"
        url = simulator.compute_url + path
        return session().get(url, headers=headers, raise_exc=False)

    return call


def test_clients_discover_the_versions(simulator, nova):
    simulator.options.max_microversion = "2.60"
    found = api_versions._get_server_version_range(nova())
    assert [one.get_string() for one in found] == ["2.1", "2.60"]
    assert api_versions.discover_version(nova(), api_versions.APIVersion("2.latest")).get_string() == "2.60"


def test_a_version_out_of_range_is_406(simulator, get):
    response = get("/servers", "2.97")
    assert response.status_code == 406
    assert response.json()["computeFault"]["message"] == (
        "Version 2.97 is not supported by the API. Minimum is 2.1 and maximum is 2.96."
    )


def test_a_malformed_version_is_400(get):
    assert get("/servers", "new").status_code == 400


def test_responses_name_their_version(get):
    assert get("/servers", "2.60").headers["OpenStack-API-Version"] == "compute 2.60"
    assert get("/servers").headers["OpenStack-API-Version"] == "compute 2.1"
    old = get("/servers", **{"X-OpenStack-Nova-API-Version": "2.50"})
    assert old.headers["X-OpenStack-Nova-API-Version"] == "2.50"
    assert old.headers["x-openstack-request-id"].startswith("req-")


@pytest.mark.parametrize(
    ("version", "field", "shown"),
    [
        ("2.8", "locked", False),
        ("2.9", "locked", True),
        ("2.72", "locked_reason", False),
        ("2.73", "locked_reason", True),
    ],
)
def test_a_servers_fields(simulator, get, version, field, shown):
    server = simulator.cloud.add_server("compute-1")
    assert (field in get(f"/servers/{server.uuid}", version).json()["server"]) is shown


@pytest.mark.parametrize(
    ("version", "field", "shown"),
    [("2.58", "uuid", False), ("2.59", "uuid", True), ("2.79", "user_id", False), ("2.80", "user_id", True)],
)
def test_a_migration_records_fields(simulator, get, version, field, shown):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.add_migration(server)
    assert (field in get("/os-migrations", version).json()["migrations"][0]) is shown


def test_a_lock_reason_before_2_73_is_dropped(simulator, session):
    server = simulator.cloud.add_server("compute-1")
    session().post(
        f"{simulator.compute_url}/servers/{server.uuid}/action",
        json={"lock": {"locked_reason": "why"}},
        headers={"OpenStack-API-Version": "compute 2.72"},
    )
    assert (server.locked_by, server.locked_reason) == ("admin", None)


@pytest.mark.parametrize(
    ("version", "body", "message"),
    [
        ("2.13", {}, "'onSharedStorage' is a required property"),
        ("2.14", {"onSharedStorage": True}, "'onSharedStorage' was unexpected"),
        ("2.68", {"host": "compute-2", "force": True}, "'force' was unexpected"),
    ],
)
def test_evacuates_body_by_version(simulator, session, down, version, body, message):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    response = session().post(
        f"{simulator.compute_url}/servers/{server.uuid}/action",
        json={"evacuate": body},
        headers={"OpenStack-API-Version": f"compute {version}"},
        raise_exc=False,
    )
    assert response.status_code == 400
    assert message in response.json()["badRequest"]["message"]


def test_evacuate_answers_200_and_no_body_from_2_14(simulator, session, down):
    server = simulator.cloud.add_server("compute-1")
    down("compute-1")
    response = session().post(
        f"{simulator.compute_url}/servers/{server.uuid}/action",
        json={"evacuate": {}},
        headers={"OpenStack-API-Version": "compute 2.94"},
    )
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"lock": "x"}, "'x' is not of type 'object', 'null'"),
        ({"lock": {"locked_reason": ""}}, "'' should be non-empty"),
        ({"lock": {"locked_reason": "x" * 256}}, "is too long"),
        ({"evacuate": None}, "None is not of type 'object'"),
        ({"rebuild": {}}, "'imageRef' is a required property"),
        ({"os-resetState": {"state": "paused"}}, "'paused' is not one of ['active', 'error']"),
        ({"os-stop": None, "os-start": None}, "Malformed request body"),
        ({}, "Malformed request body"),
    ],
)
def test_a_wrong_body_is_refused(simulator, session, body, message):
    server = simulator.cloud.add_server("compute-1")
    url = f"{simulator.compute_url}/servers/{server.uuid}/action"
    headers = {"OpenStack-API-Version": "compute 2.94"}
    response = session().post(url, json=body, headers=headers, raise_exc=False)
    assert response.status_code == 400
    assert message in response.json()["badRequest"]["message"]


def test_an_unknown_action_is_named(simulator, admin):
    server = simulator.cloud.add_server("compute-1")
    with pytest.raises(exceptions.BadRequest, match="There is no such action: dance"):
        admin.client.post(f"/servers/{server.uuid}/action", body={"dance": None})
