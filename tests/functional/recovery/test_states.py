"""Every state that an instance can be in when its host fails, and what becomes of it."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.monitor import HOST
from tests.harness.site import Site

RUNNING, SHUTDOWN, SUSPENDED = 1, 4, 7

EVACUATED = [
    # as it was, and the vm_state it has at the end
    ({"vm_state": "active"}, "active"),
    ({"vm_state": "stopped"}, "stopped"),
    ({"vm_state": "error", "power_state": RUNNING, "fault": "before"}, "error"),
    ({"vm_state": "error", "power_state": SHUTDOWN, "fault": "before"}, "error"),
    ({"vm_state": "paused"}, "stopped"),
    ({"vm_state": "suspended", "power_state": SUSPENDED}, "stopped"),
    ({"vm_state": "rescued", "power_state": RUNNING}, "stopped"),
    ({"vm_state": "resized", "power_state": RUNNING}, "active"),
    ({"vm_state": "resized", "power_state": SHUTDOWN}, "stopped"),
    ({"vm_state": "shelved", "power_state": SHUTDOWN}, "stopped"),
    ({"vm_state": "active", "task_state": "powering-off"}, "stopped"),
    ({"vm_state": "stopped", "task_state": "powering-on"}, "active"),
    ({"vm_state": "active", "task_state": "rebooting_hard"}, "active"),
    ({"vm_state": "active", "task_state": "image_snapshot"}, "active"),
    ({"vm_state": "active", "task_state": "pausing"}, "active"),
    ({"vm_state": "stopped", "task_state": "image_backup"}, "stopped"),
    ({"vm_state": "paused", "task_state": "unpausing"}, "stopped"),
]

LEFT = [
    # as it was, the status of its move, and a word of the reason
    ({"vm_state": "shelved_offloaded", "power_state": SHUTDOWN}, "ignored", "offloaded"),
    ({"vm_state": "building", "power_state": 0}, "failed", "still being built"),
    ({"vm_state": "building", "power_state": 0, "task_state": "spawning"}, "failed", "still being built"),
    ({"vm_state": "active", "task_state": "deleting"}, "ignored", "owner is deleting it"),
    ({"vm_state": "paused", "task_state": "soft-deleting"}, "ignored", "owner is deleting it"),
    ({"vm_state": "stopped", "task_state": "restoring"}, "failed", "was restoring it"),
    ({"vm_state": "shelved", "task_state": "unshelving"}, "failed", "disk may be incomplete"),
    ({"vm_state": "active", "task_state": "migrating"}, "failed", "no migration record"),
    ({"vm_state": "active", "task_state": "resize_prep"}, "failed", "no migration record"),
    ({"vm_state": "levitating", "power_state": RUNNING}, "failed", "'levitating' is not known"),
    ({"vm_state": "active", "task_state": "juggling"}, "failed", "'juggling' is not known"),
]

# type, status, task_state; whether it is evacuated, or what the operator is told to check
MIGRATIONS = [
    ("live-migration", "accepted", "migrating", True),
    ("live-migration", "queued", "migrating", True),
    ("live-migration", "preparing", "migrating", True),
    ("live-migration", "running", "migrating", "the guest may be on compute-2 already"),
    ("live-migration", "running (post-copy)", "migrating", "the guest may be on compute-2 already"),
    ("live-migration", "failed", "migrating", True),
    ("live-migration", "cancelled", "migrating", True),
    ("resize", "pre-migrating", "resize_prep", True),
    ("migration", "post-migrating", "resize_migrated", "a migration from compute-1 to compute-2"),
    ("resize", "reverting", "resize_reverting", "resize from compute-1 to compute-2"),
]


def name(value: Any) -> str | None:
    return "-".join(str(part) for part in value.values()) if isinstance(value, dict) else None


@pytest.mark.parametrize(("state", "end"), EVACUATED, ids=name)
def test_an_instance_gets_its_state_back(site: Site, state: dict[str, Any], end: str) -> None:
    (server,) = site.add(1, **state)
    ended = site.recover()
    assert (ended["status"], ended["message"]) == ("finished", "1 succeeded")
    site.assert_evacuated_once(server, vm_state=end)
    is_running = end == "active" or (end == "error" and state["power_state"] == RUNNING)
    assert server.power_state == (RUNNING if is_running else SHUTDOWN)
    move = site.vmove(ended, server)
    assert (move["vm_state"], move["task_state"]) == (state["vm_state"], state.get("task_state"))


def test_another_end_than_before_is_explained(site: Site) -> None:
    paused, halted = site.add(1, vm_state="paused") + site.add(1, task_state="powering-off")
    ended = site.recover()
    assert site.vmove(ended, paused)["message"] == (
        f"evacuated to {paused.host}, stopped there: it was paused"
    )
    assert site.vmove(ended, halted)["message"].endswith("stopped there: it was active (powering-off)")


@pytest.mark.parametrize(("state", "status", "reason"), LEFT, ids=name)
def test_an_instance_is_left_with_the_reason(
    site: Site, state: dict[str, Any], status: str, reason: str
) -> None:
    (server,) = site.add(1, **state)
    ended = site.recover()
    assert ended["status"] == ("finished" if status == "ignored" else "failed")
    move = site.vmove(ended, server)
    assert (move["status"], move["step"]) == (status, "done")
    assert reason in move["message"]
    assert not site.evacuations(server)
    assert site.has(server, host=HOST, locked_by=None, **state if "fault" not in state else {})


@pytest.mark.parametrize("task_state", [None, "restoring"])
def test_a_soft_deleted_instance_is_left_alone(site: Site, task_state: str | None) -> None:
    """Nova does not list it; it can be restored when its host is back."""
    (server,) = site.add(1, vm_state="soft-delete", power_state=SHUTDOWN, task_state=task_state)
    assert site.recover()["message"] == "no instance to evacuate"
    assert not site.evacuations(server)
    assert site.has(server, host=HOST, locked_by=None, vm_state="soft-delete")


@pytest.mark.parametrize(("kind", "status", "task_state", "answer"), MIGRATIONS)
def test_the_migration_record_decides(
    site: Site, kind: str, status: str, task_state: str, answer: bool | str
) -> None:
    (server,) = site.add(1, task_state=task_state)
    site.cloud.add_migration(server, migration_type="live-migration", status="completed", dest=HOST)
    site.cloud.add_migration(server, migration_type=kind, status=status, dest="compute-2")
    move = site.vmove(site.recover(), server)
    if answer is True:
        assert move["status"] == "succeeded"
        site.assert_evacuated_once(server)
    else:
        assert move["status"] == "failed"
        assert answer in move["message"]
        assert not site.evacuations(server)


def test_a_resize_that_was_being_confirmed_runs_where_nova_lists_it(site: Site) -> None:
    (server,) = site.add(1, vm_state="resized", task_state="resize_confirming", power_state=RUNNING)
    site.cloud.add_migration(
        server, migration_type="resize", status="confirming", source="compute-2", dest=HOST
    )
    assert site.recover()["status"] == "finished"
    site.assert_evacuated_once(server)


def test_a_migration_hither_names_the_other_host(site: Site) -> None:
    (server,) = site.add(1, task_state="resize_finish")
    site.cloud.add_migration(
        server, migration_type="resize", status="post-migrating", source="compute-3", dest=HOST
    )
    move = site.vmove(site.recover(), server)
    assert "may be on compute-3 already" in move["message"]


def test_error_instances_stay_when_asked_to(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__ignore_instances_in_error_state=True)
    sane, ill = site.add(1) + site.add(1, vm_state="error", power_state=RUNNING)
    ended = site.recover()
    assert ended["message"] == "1 succeeded, 1 ignored"
    assert "ignore_instances_in_error_state" in site.vmove(ended, ill)["message"]
    assert site.has(ill, host=HOST, vm_state="error")
    site.assert_evacuated_once(sane)


def test_only_marked_instances_move_when_asked_to(build_site: Callable[..., Site]) -> None:
    site = build_site(
        host_failure__evacuate_all_instances=False, host_failure__ha_enabled_instance_metadata_key="HA"
    )
    plain, marked, refused = (
        site.add(1) + site.add(1, metadata={"HA": "TRUE"}) + site.add(1, metadata={"HA": "no"})
    )
    ended = site.recover()
    assert ended["message"] == "1 succeeded, 2 ignored"
    assert "HA=true" in site.vmove(ended, plain)["message"]
    assert site.has(refused, host=HOST)
    site.assert_evacuated_once(marked)


def test_every_word_for_true_marks_an_instance(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure__evacuate_all_instances=False)
    words = ("true", "1", "yes", "on", "y", " True ")
    marked = [server for word in words for server in site.add(1, metadata={"HA_Enabled": word})]
    assert site.recover()["message"] == "6 succeeded"
    site.assert_evacuated_once(*marked)


@pytest.mark.parametrize("evacuate_all", [True, False])
def test_metadata_that_look_like_a_mistake_are_told(
    build_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, evacuate_all: bool
) -> None:
    site = build_site(host_failure__evacuate_all_instances=evacuate_all)
    (plain,) = site.add(1)
    misspelt = {
        "ture": "HA_Enabled='ture' is neither true nor false",
        "true": "'ha_enabled': 'true' does not count, as the key must be HA_Enabled",
    }
    servers = {
        "ture": site.add(1, metadata={"HA_Enabled": "ture"})[0],
        "true": site.add(1, metadata={"ha_enabled": "true"})[0],
    }
    ended = site.recover()
    for word, server in servers.items():
        told = site.vmove(ended, server)["message"]
        assert (misspelt[word] in told) is not evacuate_all
        (line,) = [
            message for message in caplog.messages if misspelt[word] in message and "its metadata" in message
        ]
        assert f"[{ended['notification_uuid']}] [instance: {server.uuid}]" in line
    assert "its metadata" not in site.vmove(ended, plain)["message"]
    assert ended["message"] == ("3 succeeded" if evacuate_all else "3 ignored")


def test_marked_instances_move_first(build_site: Callable[..., Site]) -> None:
    site = build_site(host_failure_recovery_threads=1)
    plain = site.add(3)
    marked = site.add(2, metadata={"HA_Enabled": "true"})
    site.recover()
    order = [record.instance_uuid for record in site.cloud.migrations]
    assert set(order[:2]) == {server.uuid for server in marked}
    site.assert_evacuated_once(*plain, *marked)


@pytest.mark.parametrize("count", [7, 15])
def test_long_lists_are_paged(build_site: Callable[..., Site], count: int) -> None:
    site = build_site(cloud={"max_limit": 7})
    servers = site.add(count)
    # of the list of old evacuations only one page would be seen
    for server in site.add(9):
        site.cloud.add_migration(server, migration_type="evacuation", status="done", dest="compute-3")
        site.cloud.update(server, host="compute-3")
    assert site.recover()["message"] == f"{count} succeeded"
    site.assert_evacuated_once(*servers)
