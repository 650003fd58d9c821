"""The clocks of the simulated Nova and Keystone."""

import datetime
import email.utils

import pytest
import requests

from masakari_lite_simulator.clock import isoformat

HOUR = 3600.0


def read_date(answer):
    return email.utils.parsedate_to_datetime(answer.headers["Date"])


def find_time(clock, ahead=0.0):
    return datetime.datetime.fromtimestamp(int(clock.wall(clock.now()) + ahead), datetime.UTC)


@pytest.fixture
def ask(simulator):
    """Ask Nova as masakari does: ask("/servers/detail", host="compute-1")."""
    auth = {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": "masakari", "password": "masakari"}},
        }
    }
    answer = requests.post(f"{simulator.auth_url}/auth/tokens", json={"auth": auth}, timeout=10)

    def make(path, **query):
        headers = {"X-Auth-Token": answer.headers["X-Subject-Token"], "OpenStack-API-Version": "compute 2.94"}
        return requests.get(f"{simulator.compute_url}{path}", query, headers=headers, timeout=10)

    return make


def test_each_dates_its_responses_by_its_own_clock(simulator, clock, ask):
    simulator.options.nova_clock_offset = HOUR
    simulator.options.keystone_clock_offset = -HOUR
    assert read_date(ask("/os-services")) == find_time(clock, HOUR)
    assert read_date(requests.get(simulator.auth_url, timeout=10)) == find_time(clock, -HOUR)
    assert read_date(requests.get(f"{simulator.compute_url}/nothing", timeout=10)) == find_time(clock, HOUR)


def test_the_date_may_be_missing(simulator, ask):
    simulator.options.sends_date = False
    assert "Date" not in ask("/os-services").headers


def test_novas_times_are_by_its_own_clock(simulator, clock, ask):
    simulator.options.nova_clock_offset = HOUR / 2
    server = simulator.cloud.add_server("compute-1")
    with simulator.cloud.up_to_date():
        simulator.cloud.update(server, locked_by="owner")
    now = find_time(clock, HOUR / 2)
    (service,) = ask("/os-services", host="compute-1").json()["services"]
    assert datetime.datetime.fromisoformat(service["updated_at"]).replace(tzinfo=datetime.UTC) == now
    found = ask(f"/servers/{server.uuid}").json()["server"]
    assert datetime.datetime.fromisoformat(found["updated"]) == now
    listed = [
        ask("/servers/detail", all_tenants=1, **{"changes-since": isoformat(now.timestamp() + by)})
        for by in (0, 1)
    ]
    assert [len(answer.json()["servers"]) for answer in listed] == [1, 0]


def test_stored_times_stay_when_the_clock_is_set(simulator, ask):
    server = simulator.cloud.add_server("compute-1")
    simulator.cloud.fail_host("compute-1")

    def look():
        (service,) = ask("/os-services", host="compute-1").json()["services"]
        return service["updated_at"], ask(f"/servers/{server.uuid}").json()["server"]["updated"]

    before = look()
    simulator.options.nova_clock_offset = -HOUR
    assert look() == before


def test_a_tokens_times_are_by_keystones(simulator, clock, session):
    simulator.options.keystone_clock_offset = -HOUR
    made = session()
    access = made.auth.get_access(made)
    lifetime = simulator.options.token_lifetime
    assert (access.expires - access.issued).total_seconds() == lifetime
    assert access.issued.replace(microsecond=0) == find_time(clock, -HOUR)


@pytest.mark.parametrize(("seconds", "status"), [(0, 200), (HOUR - 1, 200), (HOUR, 401), (-HOUR, 200)])
def test_nova_checks_the_expiry_of_a_token_by_its_own_clock(simulator, ask, seconds, status):
    simulator.options.nova_clock_offset = seconds
    assert ask("/os-services").status_code == status
