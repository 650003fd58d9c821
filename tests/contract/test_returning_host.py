"""A host dies, looks up for a while, is forced down, and comes back. The tests go with it, in this order."""

import pytest
import requests

from tests.contract.client import host_of, states

ACTIVE = ("active", "ACTIVE", 1, None)


@pytest.fixture(scope="module")
def host(site):
    """A host that has just died; Nova does not know it."""
    site.kill(site.returning)
    return site.returning


@pytest.fixture(scope="module")
def deleting(site, host, owner):
    """A server there that its owner has asked to delete."""
    server = site.take(host)
    assert owner.send("DELETE", f"/servers/{server}").status == 204
    return server


@pytest.fixture(scope="module")
def forced_down(deleting, host, masakari):
    answer = masakari.update_service(host, forced_down=True)
    assert answer.status == 200
    return answer


@pytest.fixture(scope="module")
def evacuated(site, forced_down, host, masakari):
    """A server that was evacuated from there."""
    server = site.take(host)
    masakari.evacuate(server)
    site.finish(server)
    return server


@pytest.fixture(scope="module")
def returned(site, evacuated, host, masakari):
    """The host's compute has come back and has seen to what was evacuated."""
    site.start(host)
    site.until(lambda: masakari.evacuations(evacuated)[0]["status"] == "completed", "the clean-up")


@pytest.fixture(scope="module")
def other(dead):
    """A server of the other dead host."""
    return dead()


def test_a_dead_service_still_looks_up(site, masakari, host):
    assert masakari.service(host)["state"] == "up"
    answer = masakari.act(site.take(host), "evacuate", {})
    assert answer.refusal == (400, f"Compute service of {host} is still in use.")


def test_its_owners_delete_is_not_carried_out(masakari, deleting):
    assert states(masakari.server(deleting)) == ("active", "ACTIVE", 1, "deleting")
    assert masakari.act(deleting, "os-stop").refusal == (
        409,
        f"Cannot 'stop' instance {deleting} while it is in task_state deleting",
    )


def test_to_disable_it_blocks_each_time_but_is_noted(masakari, host):
    for _again in range(2):
        with pytest.raises(requests.exceptions.ReadTimeout):
            masakari.update_service(host, timeout=1.5, status="disabled", disabled_reason="why")
    service = masakari.service(host)
    assert (service["status"], service["disabled_reason"]) == ("disabled", "why")


def test_forced_down_it_is_down_at_once(masakari, host, forced_down):
    said = forced_down.body["service"]
    assert (said["forced_down"], said["state"]) == (True, "down")
    assert masakari.service(host)["state"] == "down"


def test_forced_down_its_status_changes_without_blocking(masakari, host, forced_down):
    for status in ("enabled", "disabled", "enabled"):
        answer = masakari.update_service(host, status=status)
        assert (answer.status, answer.seconds < 1.5) == (200, True)


def test_evacuate_brings_back_what_was_being_deleted(site, masakari, deleting, forced_down):
    masakari.evacuate(deleting)
    assert states(site.finish(deleting)) == ACTIVE


def test_forced_down_stays_while_evacuations_are_done(masakari, host, evacuated):
    status, message = masakari.update_service(host, forced_down=False).refusal
    assert status == 400
    assert message == (
        f"Unable to force up host {host} as `done` evacuation migration records remain associated with the "
        "host. Ensure the compute service has been restarted, allowing these records to move to `completed` "
        "before retrying this request."
    )
    assert masakari.service(host)["forced_down"]


def test_a_service_that_runs_but_is_forced_down_is_down(masakari, host, returned):
    service = masakari.service(host)
    assert (service["forced_down"], service["state"]) == (True, "down")


def test_the_evacuated_stay_where_they_are(masakari, host, evacuated, returned):
    found = masakari.server(evacuated)
    assert states(found) == ACTIVE
    assert host_of(found) != host


def test_forced_down_can_be_lifted_after_the_return(site, masakari, host, returned):
    site.until(lambda: masakari.update_service(host, forced_down=False).status == 200, "it to be lifted")
    site.until(lambda: masakari.service(host)["state"] == "up", "the service to be up")


def test_enabled_while_it_was_dead_it_is_shunned(site, masakari, host, returned, other):
    """Disabled when it was dead but looked up: that call has waited in its queue, and is obeyed now."""
    assert masakari.service(host)["status"] == "enabled"
    masakari.evacuate(other, host=host)
    failed, record = site.end(other)
    assert record["status"] == "error"
    assert failed["fault"]["message"].startswith("No valid host was found.")


def test_enabled_again_it_takes_instances(site, masakari, host, returned, other):
    """Now that its compute is up it is told, and removes Placement's trait."""
    masakari.update_service(host, forced_down=False)
    assert masakari.update_service(host, status="enabled").status == 200
    masakari.evacuate(other, host=host)
    assert host_of(site.finish(other)) == host


def test_the_delete_in_its_queue_is_carried_out_after_all(site, masakari, deleting, returned):
    """The instance runs elsewhere by then. So one that its owner is deleting must not be evacuated."""
    site.until(
        lambda: masakari.send("GET", f"/servers/{deleting}").status == 404, f"{deleting} to be deleted"
    )
