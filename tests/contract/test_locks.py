"""Locks: what an admin's keeps the owner from, what passes it, and who can undo it."""

import pytest

from tests.contract.client import states

UNLOCK = "os_compute_api:os-lock-server:unlock:unlock_override"
REASON = "masakari-lite: the host failed"


@pytest.fixture(scope="module")
def one(alive):
    return alive()


@pytest.fixture
def server(one, masakari):
    """A server that is not locked."""
    yield one
    assert masakari.act(one, "unlock").status == 202


@pytest.fixture
def locked(server, masakari):
    """A server that an admin has locked, with a reason."""
    assert masakari.act(server, "lock", {"locked_reason": REASON}).status == 202
    return server


def lock_of(client, server):
    found = client.server(server)
    return found["locked"], found["locked_reason"]


@pytest.mark.parametrize(
    ("action", "value"),
    [
        ("os-stop", None),
        ("os-start", None),
        ("reboot", {"type": "SOFT"}),
        ("reboot", {"type": "HARD"}),
        ("pause", None),
        ("suspend", None),
        ("rebuild", "image"),
    ],
    ids=["stop", "start", "soft reboot", "hard reboot", "pause", "suspend", "rebuild"],
)
def test_a_lock_refuses_the_owners(site, owner, locked, action, value):
    given = {"imageRef": site.image} if value == "image" else value
    assert owner.act(locked, action, given).refusal == (409, f"Instance {locked} is locked")


def test_a_lock_refuses_the_owners_delete(owner, locked):
    assert owner.send("DELETE", f"/servers/{locked}").refusal == (409, f"Instance {locked} is locked")


def test_a_lock_refuses_the_owners_metadata(owner, locked):
    answer = owner.send("POST", f"/servers/{locked}/metadata", {"metadata": {"a": "b"}})
    assert answer.refusal == (409, f"Instance {locked} is locked")


def test_the_owner_cannot_undo_an_admins_lock(masakari, owner, locked):
    assert owner.act(locked, "unlock").refusal == (403, f"Policy doesn't allow {UNLOCK} to be performed.")
    assert lock_of(masakari, locked) == (True, REASON)


def test_the_owner_sees_the_lock_and_its_reason(owner, locked):
    assert lock_of(owner, locked) == (True, REASON)


def test_the_owners_own_lock_changes_nothing(masakari, owner, locked):
    assert owner.act(locked, "lock", {"locked_reason": "mine"}).status == 202
    assert lock_of(masakari, locked) == (True, REASON)
    assert owner.act(locked, "unlock").status == 403


def test_a_rename_passes_a_lock(owner, locked):
    answer = owner.send("PUT", f"/servers/{locked}", {"server": {"name": "renamed"}})
    assert answer.status == 200
    assert answer.body["server"]["name"] == owner.server(locked)["name"] == "renamed"


def test_a_backup_passes_a_lock(site, owner, masakari, locked):
    backup = {"name": "copy", "backup_type": "daily", "rotation": 1}
    assert owner.act(locked, "createBackup", backup).status == 202
    during = masakari.server(locked)
    assert during["OS-EXT-STS:task_state"] in (
        "image_backup",
        "image_pending_upload",
        "image_uploading",
        None,
    )
    active = ("active", "ACTIVE", 1, None)
    site.until(lambda: states(masakari.server(locked)) == active, "the backup to be made")
    assert lock_of(masakari, locked) == (True, REASON)


def test_an_admin_passes_a_lock(site, masakari, admin, locked):
    assert admin.act(locked, "os-resetState", {"state": "error"}).status == 202
    assert admin.act(locked, "os-stop").status == 202
    stopped = ("stopped", "SHUTOFF", 4, None)
    site.until(lambda: states(masakari.server(locked)) == stopped, "the stop")
    assert admin.act(locked, "os-start").status == 202
    site.until(lambda: states(masakari.server(locked)) == ("active", "ACTIVE", 1, None), "the start")
    assert lock_of(masakari, locked) == (True, REASON)


def test_another_admin_can_unlock(masakari, admin, locked):
    assert admin.act(locked, "unlock").status == 202
    assert lock_of(masakari, locked) == (False, None)


def test_what_is_not_locked_can_be_unlocked(masakari, owner, server):
    assert masakari.act(server, "unlock").status == 202
    assert owner.act(server, "unlock").status == 202


def test_an_admins_lock_takes_over_the_owners(masakari, owner, server):
    assert owner.act(server, "lock", {"locked_reason": "mine"}).status == 202
    assert lock_of(masakari, server) == (True, "mine")
    assert masakari.act(server, "lock", {"locked_reason": REASON}).status == 202
    assert lock_of(masakari, server) == (True, REASON)
    assert owner.act(server, "unlock").status == 403
    assert masakari.act(server, "unlock").status == 202
    # the owner's lock is gone with it
    assert lock_of(masakari, server) == (False, None)


def test_the_owners_lock_holds_and_is_undone_by_the_owner(owner, server):
    assert owner.act(server, "lock").status == 202
    assert owner.act(server, "os-stop").refusal == (409, f"Instance {server} is locked")
    assert owner.act(server, "unlock").status == 202
    assert lock_of(owner, server) == (False, None)


def test_an_admins_lock_is_the_owners_if_his_token_is_for_their_project(owners_admin, owner, server):
    """So lock with a token for another project."""
    assert owners_admin.project_id == owner.project_id
    assert owners_admin.user_id != owner.user_id
    assert owners_admin.act(server, "lock", {"locked_reason": REASON}).status == 202
    assert owner.act(server, "os-stop").refusal == (409, f"Instance {server} is locked")
    assert lock_of(owner, server) == (True, REASON)
    assert owner.act(server, "unlock").status == 202
    assert lock_of(owner, server) == (False, None)


def test_such_an_admins_lock_does_not_take_over_the_owners(owners_admin, owner, server):
    assert owner.act(server, "lock", {"locked_reason": "mine"}).status == 202
    assert owners_admin.act(server, "lock", {"locked_reason": REASON}).status == 202
    assert lock_of(owner, server) == (True, "mine")
    assert owner.act(server, "unlock").status == 202


def test_such_an_admin_can_undo_another_admins_lock(owners_admin, masakari, locked):
    assert owners_admin.act(locked, "unlock").status == 202
    assert lock_of(masakari, locked) == (False, None)


def test_a_second_lock_replaces_the_reason_if_it_has_one(masakari, locked):
    assert masakari.act(locked, "lock", {"locked_reason": "another"}).status == 202
    assert lock_of(masakari, locked) == (True, "another")
    assert masakari.act(locked, "lock").status == 202
    assert lock_of(masakari, locked) == (True, "another")


def test_a_reason_is_dropped_before_2_73(masakari, server):
    assert masakari.act(server, "lock", {"locked_reason": REASON}, version="2.72").status == 202
    assert lock_of(masakari, server) == (True, None)


def test_a_reason_has_255_characters_at_most(masakari, server):
    status, message = masakari.act(server, "lock", {"locked_reason": "r" * 256}).refusal
    assert status == 400
    assert message.startswith("Invalid input for field/attribute locked_reason.")
    assert lock_of(masakari, server) == (False, None)
    assert masakari.act(server, "lock", {"locked_reason": "r" * 255}).status == 202
    assert lock_of(masakari, server) == (True, "r" * 255)


def test_an_empty_reason_is_refused(masakari, server):
    status, message = masakari.act(server, "lock", {"locked_reason": ""}).refusal
    assert status == 400
    assert message.startswith("Invalid input for field/attribute locked_reason.")
