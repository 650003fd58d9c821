"""What an evacuate may say, by microversion, and who checks the host that it names."""

import pytest

from tests.contract.client import host_of, states

REQUIRED = "'onSharedStorage' is a required property"
UNEXPECTED = "Additional properties are not allowed ('{}' was unexpected)"


@pytest.fixture(scope="module")
def server(alive):
    return alive()


@pytest.fixture(scope="module")
def left(dead):
    """A server that stays on the dead host."""
    return dead()


@pytest.fixture(scope="module")
def closed(site, masakari):
    """A host that works, and that the scheduler would not choose."""
    assert masakari.update_service(site.living, status="disabled").status == 200
    yield site.living
    assert masakari.update_service(site.living, status="enabled").status == 200


@pytest.mark.parametrize(
    ("version", "given", "complaint"),
    [
        ("2.13", {}, REQUIRED),
        ("2.14", {"onSharedStorage": False}, UNEXPECTED.format("onSharedStorage")),
        ("2.28", {"host": "any", "force": False}, UNEXPECTED.format("force")),
        ("2.68", {"host": "any", "force": False}, UNEXPECTED.format("force")),
    ],
    ids=[
        "2.13 without onSharedStorage",
        "2.14 with onSharedStorage",
        "2.28 with force",
        "2.68 with force",
    ],
)
def test_what_is_refused(masakari, server, version, given, complaint):
    status, message = masakari.act(server, "evacuate", given, version).refusal
    assert status == 400
    assert complaint in message


def test_force_needs_a_host(masakari, server):
    answer = masakari.act(server, "evacuate", {"force": True}, "2.67")
    assert answer.refusal == (400, "Can't force to a non-provided destination")


def test_at_2_13_it_must_know_whether_the_disk_is_there_already(site, masakari, dead):
    """Whoever says the wrong thing finds the rebuild failed: so work at 2.14 or above."""
    answers = {}
    for is_shared in (False, True):
        server = dead()
        answers[server] = masakari.act(server, "evacuate", {"onSharedStorage": is_shared}, "2.13")
    assert [answer.status for answer in answers.values()] == [200, 200]
    assert all(answer.body.keys() == {"adminPass"} for answer in answers.values())
    ends = {record["status"]: (server, record) for server, record in map(site.end, answers)}
    assert ends.keys() == {"done", "failed"}
    failed, record = ends["failed"]
    assert states(failed) == ("error", "ERROR", 1, None)
    assert (host_of(failed), failed["fault"]["code"]) == (site.failing, 500)
    # it was claimed, and no other host is tried
    assert record["dest_compute"] in set(site.hosts) - {site.failing}
    masakari.evacuate(failed["id"])
    assert states(site.finish(failed["id"])) == ("active", "ACTIVE", 1, None)


@pytest.mark.parametrize(
    ("version", "given"),
    [("2.28", {}), ("2.29", {"force": True}), ("2.67", {"force": True})],
    ids=["2.28", "2.29, forced", "2.67, forced"],
)
def test_the_scheduler_is_not_asked(site, masakari, dead, closed, version, given):
    server = dead()
    masakari.evacuate(server, version, host=closed, **given)
    assert host_of(site.finish(server)) == closed


@pytest.mark.parametrize(
    ("version", "given"),
    [("2.29", {}), ("2.67", {"force": False}), ("2.68", {})],
    ids=["2.29", "2.67, not forced", "2.68"],
)
def test_the_scheduler_checks_the_host(site, masakari, left, closed, version, given):
    masakari.evacuate(left, version, host=closed, **given)
    found, record = site.end(left)
    assert (record["status"], record["dest_compute"]) == ("error", closed)
    assert found["fault"]["message"].startswith("No valid host was found.")
