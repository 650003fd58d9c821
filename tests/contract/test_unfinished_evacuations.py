"""A host dies, is seen down, and comes back before its evacuations have ended. The tests go in this order."""

import pytest

from tests.contract.client import host_of, states

STATUSES = ["accepted", "pre-migrating", "done"]


@pytest.fixture(scope="module")
def server(site):
    return site.take(site.returning)


@pytest.fixture(scope="module")
def host(site, server, masakari):
    """A host that was disabled when it died, and that Nova has found out to be dead."""
    assert masakari.update_service(site.returning, status="disabled").status == 200
    site.kill(site.returning)
    site.see_down(site.returning)
    return site.returning


@pytest.fixture(scope="module")
def enabled(host, masakari):
    """What Nova answered when the service was enabled while its compute was dead."""
    return masakari.update_service(host, status="enabled")


@pytest.fixture(scope="module")
def done(site, server, enabled, masakari):
    """A server that was evacuated from there."""
    masakari.evacuate(server)
    site.finish(server)
    return server


@pytest.fixture(scope="module")
def returned(site, host, done, masakari):
    """The servers that were being evacuated when the host's compute came back, and their records then.

    They are keyed by what the record was before.
    """
    if not site.can_freeze:
        site.start(host)
        return {"done": (done, wait_until_completed(site, masakari, done))}
    with site.held_rebuild([site.take(host) for _ in range(3)]) as rebuilt, site.held_scheduler():
        accepted = site.take(host)
        masakari.evacuate(accepted)
        servers = dict(zip(STATUSES, [accepted, rebuilt, done], strict=True))
        assert [masakari.evacuations(server)[0]["status"] for server in servers.values()] == STATUSES
        site.start(host)
        return {
            status: (server, wait_until_completed(site, masakari, server))
            for status, server in servers.items()
        }


def wait_until_completed(site, masakari, server):
    def ask():
        (record,) = masakari.evacuations(server)
        return record if record["status"] == "completed" else None

    return site.until(ask, "the record to be completed")


def test_seen_down_its_status_changes_without_blocking(masakari, host, enabled):
    service = masakari.service(host)
    assert (service["state"], service["status"], service["forced_down"]) == ("down", "enabled", False)
    assert (enabled.status, enabled.seconds < 1.5) == (200, True)


def test_seen_down_it_can_be_evacuated(masakari, host, done):
    assert host_of(masakari.server(done)) != host


@pytest.mark.parametrize("status", STATUSES)
def test_its_compute_marks_the_record_completed(returned, host, status):
    if status not in returned:
        pytest.skip("keeps evacuations from going on, which only a cloud of our own lets us do")
    _server, record = returned[status]
    assert (record["status"], record["source_compute"]) == ("completed", host)


@pytest.mark.parametrize("status", STATUSES[:2])
def test_an_evacuation_that_was_under_way_ends_all_the_same(site, masakari, host, returned, status):
    if status not in returned:
        pytest.skip("keeps evacuations from going on, which only a cloud of our own lets us do")
    server, _record = returned[status]
    assert states(site.finish(server)) == ("active", "ACTIVE", 1, None)


def test_enabled_while_it_was_dead_it_takes_instances_now(site, masakari, host, returned, dead):
    """Its compute has seen to Placement's trait, that of a service that was disabled, when it started."""
    server = dead()
    masakari.evacuate(server, host=host)
    assert host_of(site.finish(server)) == host


def test_forced_down_again_it_stays_so_until_such_instances_are_deleted(
    site, masakari, owner, host, returned
):
    """Or until its compute is started once more: these records were done after it was."""
    servers = [server for status, (server, _record) in returned.items() if status != "done"]
    assert masakari.update_service(host, forced_down=True).status == 200
    for server in servers:
        site.finish(server)
        assert masakari.update_service(host, forced_down=False).status == 400
        assert owner.send("DELETE", f"/servers/{server}").status == 204
        site.until(lambda server=server: masakari.evacuations(server) == [], "the record to be deleted")
    assert masakari.update_service(host, forced_down=False).status == 200
