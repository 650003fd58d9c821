"""Tokens: who gets one, how long it is valid, what happens without."""

import pytest
import requests
from keystoneauth1 import exceptions
from keystoneauth1 import session as ks_session
from keystoneauth1.identity import v3


def test_one_token_serves_many_requests(simulator, admin):
    for _ in range(5):
        admin.services.list()
    assert simulator.requests.count(kind="token.create", user="masakari") == 1
    assert simulator.cloud.identity.issued["masakari"] == 1


def test_a_wrong_password(session):
    with pytest.raises(exceptions.Unauthorized, match="requires authentication"):
        session("alice", "wrong").get_token()


def test_an_expired_token_is_replaced_by_the_client(simulator, clock, admin):
    simulator.options.token_lifetime = 3600
    admin.services.list()
    clock.advance(3601)
    admin.services.list()
    assert simulator.cloud.identity.issued["masakari"] == 2
    assert simulator.requests.count(kind="service.list", status=401) == 1


def test_revoked_tokens_are_401(simulator, admin):
    admin.services.list()
    assert simulator.revoke_tokens("masakari") == 1
    admin.services.list()
    assert simulator.cloud.identity.issued["masakari"] == 2


def test_nova_without_a_token(simulator):
    response = requests.get(f"{simulator.compute_url}/servers", timeout=5)
    assert response.status_code == 401
    assert response.json()["error"]["title"] == "Unauthorized"


def test_a_token_can_be_shown_and_revoked(simulator, session):
    mine = session("alice")
    token = mine.get_token()
    headers = {"X-Subject-Token": token}
    url = f"{simulator.auth_url}/auth/tokens"
    assert mine.get(url, headers=headers).json()["token"]["user"]["name"] == "alice"
    assert mine.delete(url, headers=headers).status_code == 204
    assert mine.get(url, headers={"X-Auth-Token": token, **headers}, raise_exc=False).status_code == 404


def test_an_application_credential(simulator):
    credential_id, secret, _user = simulator.cloud.identity.credentials["masakari"]
    auth = v3.ApplicationCredential(
        simulator.auth_url, application_credential_id=credential_id, application_credential_secret=secret
    )
    session = ks_session.Session(auth=auth)
    assert session.get_endpoint(service_type="compute", interface="internal") == simulator.compute_url
    assert session.get("/os-services", endpoint_filter={"service_type": "compute"}).status_code == 200
    session.session.close()


def test_discovery(simulator):
    versions = requests.get(f"{simulator.url}/identity", timeout=5)
    assert (versions.status_code, versions.json()["versions"]["values"][0]["id"]) == (300, "v3.14")
    assert requests.get(simulator.auth_url, timeout=5).json()["version"]["status"] == "stable"
    assert requests.get(f"{simulator.auth_url}/users", timeout=5).status_code == 404


@pytest.mark.parametrize(
    "scope", [{"project": {"id": "another"}}, {"project": {"name": "demo", "domain": {"name": "Default"}}}]
)
def test_a_project_without_a_role(simulator, scope):
    user = {"name": "masakari", "domain": {"name": "Default"}, "password": "masakari"}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    assert requests.post(f"{simulator.auth_url}/auth/tokens", json=body, timeout=5).status_code == 401


def test_a_refused_password_counts_for_its_user(simulator, session):
    with pytest.raises(exceptions.Unauthorized):
        session("alice", "wrong").get_token()
    assert simulator.requests.count(kind="token.create", user="alice", status=401) == 1
    assert simulator.cloud.identity.issued["alice"] == 0
