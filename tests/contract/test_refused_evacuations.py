"""When Nova refuses to evacuate, and what to do about it."""

import pytest

from tests.contract.client import states

ACTIVE = ("active", "ACTIVE", 1, None)


@pytest.fixture(scope="module")
def server(dead):
    return dead()


def test_the_compute_service_must_be_down(site, masakari, alive):
    server = alive()
    in_use = (400, f"Compute service of {site.living} is still in use.")
    assert masakari.act(server, "evacuate", {}).refusal == in_use
    assert states(masakari.server(server)) == ACTIVE
    assert masakari.evacuations(server) == []


@pytest.mark.parametrize("vm_state", ["paused", "suspended", "rescued", "resized"])
def test_other_states_are_reset_first(site, masakari, dead, vm_state):
    server = dead(vm_state)
    assert masakari.act(server, "evacuate", {}).refusal == (
        409,
        f"Cannot 'evacuate' instance {server} while it is in vm_state {vm_state}",
    )
    assert masakari.evacuations(server) == []
    assert masakari.act(server, "os-resetState", {"state": "error"}).status == 202
    masakari.evacuate(server)
    assert states(site.finish(server)) == ACTIVE


def test_the_target_must_not_be_the_source(site, masakari, server):
    answer = masakari.act(server, "evacuate", {"host": site.failing})
    assert answer.refusal == (400, "The target host can't be the same one.")


def test_the_target_must_be_known(masakari, server):
    answer = masakari.act(server, "evacuate", {"host": "nowhere"})
    assert answer.refusal == (404, "Compute host nowhere not found.")


@pytest.mark.parametrize("name", ["onSharedStorage", "force"])
def test_old_arguments_are_refused(masakari, server, name):
    status, message = masakari.act(server, "evacuate", {name: False}).refusal
    assert status == 400
    assert f"Additional properties are not allowed ('{name}' was unexpected)" in message
