"""Every state that Nova has gets a decided answer."""

import itertools
import pathlib

import pytest

from masakari_lite.models import Migration, PowerState
from masakari_lite.recovery.host import states
from masakari_lite.recovery.host.states import Action, End

HOST, ELSEWHERE = "compute-1", "compute-2"

# nova/compute/vm_states.py
VM_STATES = [
    *("active", "building", "paused", "suspended", "stopped", "rescued", "resized"),
    *("soft-delete", "deleted", "error", "shelved", "shelved_offloaded"),
]

# nova/objects/fields.py, InstanceTaskState
MOVING = [
    *("migrating", "resize_prep", "resize_migrating", "resize_migrated", "resize_finish"),
    *("resize_reverting", "resize_confirming"),
]
TASK_STATES = [
    *("scheduling", "block_device_mapping", "networking", "spawning"),
    *("image_snapshot", "image_snapshot_pending", "image_pending_upload", "image_uploading", "image_backup"),
    *("updating_password", *MOVING),
    *("rebooting", "reboot_pending", "reboot_started"),
    *("rebooting_hard", "reboot_pending_hard", "reboot_started_hard"),
    *("pausing", "unpausing", "suspending", "resuming", "powering-off", "powering-on"),
    *("rescuing", "unrescuing", "rebuilding", "rebuild_block_device_mapping", "rebuild_spawning"),
    *("deleting", "soft-deleting", "restoring"),
    *("shelving", "shelving_image_pending_upload", "shelving_image_uploading", "shelving_offloading"),
    "unshelving",
]

# what Nova writes into migration records
COLD = [
    *("pre-migrating", "migrating", "post-migrating", "finished", "confirming", "confirmed"),
    *("reverting", "reverted", "error", "failed"),
]
STATUSES = {
    "live-migration": [
        *("accepted", "queued", "preparing", "running", "running (post-copy)"),
        *("completed", "failed", "cancelled", "error"),
    ],
    "resize": COLD,
    "migration": COLD,
}

# with the record in this status the guest is on the source and nowhere else
SAFE = {
    "live-migration": {"accepted", "queued", "preparing", "failed", "cancelled"},
    "resize": {"pre-migrating"},
    "migration": {"pre-migrating"},
}
# what these leave behind depends on how far the move came, but no guest of a cold move runs elsewhere while
# Nova lists it here
UNDECIDED = {"error", "failed"}


def record(status, kind="live-migration", source=HOST, dest=ELSEWHERE):
    return Migration(7, "uuid", kind, status, source, dest)


def decide(vm_state, task_state=None, power_state=PowerState.RUNNING, migration=None):
    return states.decide(vm_state, task_state, power_state, HOST, migration)


def test_the_tables_have_every_state_and_no_other():
    assert sorted(states.VM_STATES) == sorted(VM_STATES)
    assert sorted(states.TASK_STATES) == sorted(TASK_STATES)


@pytest.mark.parametrize("vm_state", [*VM_STATES, "a new one"])
def test_every_combination_is_decided(vm_state):
    migrations = [None, *(record(status, kind) for kind in STATUSES for status in STATUSES[kind])]
    for task_state, power_state, migration in itertools.product(
        [None, "", *TASK_STATES, "a new one"], [0, 1, 3, 4, 6, 7, 99], migrations
    ):
        rule = states.decide(vm_state, task_state, power_state, HOST, migration)
        if rule.action is Action.EVACUATE:
            assert rule.end in (End.ACTIVE, End.STOPPED, End.ERROR)
            assert not rule.reason
        else:
            assert rule.end is None
            assert len(rule.reason.split()) > 3


@pytest.mark.parametrize(
    ("vm_state", "end"),
    [
        ("active", End.ACTIVE),
        ("stopped", End.STOPPED),
        ("error", End.ERROR),
        ("paused", End.STOPPED),
        ("suspended", End.STOPPED),
        ("rescued", End.STOPPED),
        ("shelved", End.STOPPED),
    ],
)
@pytest.mark.parametrize("power_state", PowerState)
def test_what_is_evacuated(vm_state, end, power_state):
    assert decide(vm_state, power_state=power_state) == states.Rule(Action.EVACUATE, end)


@pytest.mark.parametrize("power_state", PowerState)
def test_a_resized_one_runs_again_if_it_ran(power_state):
    is_running = power_state is PowerState.RUNNING
    assert decide("resized", power_state=power_state).end is (End.ACTIVE if is_running else End.STOPPED)


@pytest.mark.parametrize("vm_state", ["shelved_offloaded", "soft-delete", "deleted"])
@pytest.mark.parametrize("task_state", [None, *TASK_STATES])
def test_what_is_not_there_is_ignored(vm_state, task_state):
    assert decide(vm_state, task_state).action is Action.IGNORE


@pytest.mark.parametrize("task_state", [None, "scheduling", "block_device_mapping", "networking", "spawning"])
def test_what_was_being_built_fails(task_state):
    assert decide("building", task_state).action is Action.FAIL
    assert "still being built" in decide("building", task_state).reason


@pytest.mark.parametrize("vm_state", sorted(set(VM_STATES) - {"deleted", "soft-delete", "shelved_offloaded"}))
@pytest.mark.parametrize("task_state", ["deleting", "soft-deleting"])
def test_what_its_owner_is_deleting_is_ignored(vm_state, task_state):
    assert decide(vm_state, task_state).action is Action.IGNORE


@pytest.mark.parametrize("task_state", ["scheduling", "spawning", "restoring", "unshelving", "a new one"])
def test_what_cannot_be_known_fails(task_state):
    assert decide("active", task_state).action is Action.FAIL


def test_what_is_new_to_us_is_named():
    assert "vm_state 'frozen' is not known" in decide("frozen").reason
    assert "task_state 'freezing' is not known" in decide("active", "freezing").reason


@pytest.mark.parametrize("vm_state", ["active", "stopped", "paused"])
def test_what_the_owner_asked_for_last_holds(vm_state):
    assert decide(vm_state, "powering-off").end is End.STOPPED
    assert decide(vm_state, "powering-on").end is End.ACTIVE


@pytest.mark.parametrize(
    "task_state",
    sorted(
        {name for name in TASK_STATES if name.startswith(("image_", "reboot", "rebuild", "shelving"))}
        | {"updating_password", "pausing", "unpausing", "suspending", "resuming", "rescuing", "unrescuing"}
    ),
)
@pytest.mark.parametrize("vm_state", ["active", "stopped", "error", "paused"])
def test_any_other_task_is_dropped(vm_state, task_state):
    assert decide(vm_state, task_state) == decide(vm_state)


def test_states_that_nova_takes_itself():
    assert sorted(states.NOVA_EVACUATES) == ["active", "error", "stopped"]
    assert {name for name in TASK_STATES if name.startswith("rebuild")} == states.REBUILDING


class TestMovingElsewhere:
    def test_which_tasks_ask_for_the_record(self):
        asked = [name for name in TASK_STATES if states.needs_migration_record(name)]
        assert sorted(asked) == sorted(MOVING)
        assert not states.needs_migration_record(None)
        assert not states.needs_migration_record("a new one")

    @pytest.mark.parametrize("task_state", MOVING)
    @pytest.mark.parametrize("vm_state", ["active", "stopped", "error", "resized"])
    def test_without_a_record_nobody_knows(self, vm_state, task_state):
        rule = decide(vm_state, task_state)
        assert rule.action is Action.FAIL
        assert task_state in rule.reason
        assert "check on which host" in rule.reason

    @pytest.mark.parametrize("status", STATUSES["live-migration"])
    def test_a_live_migration(self, status):
        rule = decide("active", "migrating", migration=record(status))
        is_safe = status in SAFE["live-migration"]
        assert rule.action is (Action.EVACUATE if is_safe else Action.FAIL)
        assert rule.end is (End.ACTIVE if is_safe else None)

    @pytest.mark.parametrize("kind", ["resize", "migration"])
    @pytest.mark.parametrize("status", sorted(set(COLD) - UNDECIDED))
    @pytest.mark.parametrize(
        "task_state", ["resize_prep", "resize_migrating", "resize_migrated", "resize_finish"]
    )
    def test_a_cold_move(self, kind, status, task_state):
        rule = decide("active", task_state, migration=record(status, kind))
        assert rule.action is (Action.EVACUATE if status in SAFE[kind] else Action.FAIL)

    @pytest.mark.parametrize("status", COLD)
    def test_a_revert_is_never_known(self, status):
        for move in (record(status, "resize"), record(status, "resize", ELSEWHERE, HOST)):
            assert decide("resized", "resize_reverting", migration=move).action is Action.FAIL

    def test_a_confirmation_leaves_the_guest_at_the_destination(self):
        arrived = record("confirming", "resize", ELSEWHERE, HOST)
        assert decide("resized", "resize_confirming", migration=arrived).end is End.ACTIVE
        left = record("confirming", "resize", HOST, ELSEWHERE)
        assert decide("resized", "resize_confirming", migration=left).action is Action.FAIL

    @pytest.mark.parametrize("status", sorted(SAFE["live-migration"]))
    def test_a_record_of_another_source_says_nothing(self, status):
        came = record(status, source=ELSEWHERE, dest=HOST)
        assert decide("active", "migrating", migration=came).action is Action.FAIL

    def test_the_operator_is_told_what_to_check(self):
        reason = decide("active", "migrating", migration=record("running")).reason
        for word in ("live-migration", HOST, ELSEWHERE, "record 7", "running", "check there"):
            assert word in reason

    def test_and_even_when_nova_has_not_chosen_a_destination(self):
        reason = decide("active", "migrating", migration=record("running", dest=None)).reason
        assert "its destination already" in reason

    @pytest.mark.parametrize("vm_state", ["paused", "stopped", "error"])
    def test_a_safe_move_ends_as_its_vm_state_says(self, vm_state):
        safe = record("preparing")
        assert decide(vm_state, "migrating", migration=safe) == decide(vm_state)


def test_the_documentation_has_every_row():
    text = states.describe()
    rows = [line for line in text.splitlines() if line.startswith("   * - ")]
    assert len(rows) == 1 + len(VM_STATES) + len(TASK_STATES)
    for state in VM_STATES:
        assert f"   * - vm_state {state}" in rows
    for state in TASK_STATES:
        assert f"   * - task_state {state}" in rows
    for rule in [*states.VM_STATES.values(), *states.TASK_STATES.values()]:
        if isinstance(rule, states.Rule):
            assert rule.reason in text
    # each row has the four cells of the header
    assert sum(line.startswith("     -") for line in text.splitlines()) == 3 * len(rows)


def test_the_documentation_shows_the_tables_as_they_are():
    page = pathlib.Path(__file__).parents[3] / "doc" / "source" / "reference" / "states.rst"
    assert page.read_text() == states.describe()
