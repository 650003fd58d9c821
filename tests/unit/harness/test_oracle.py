"""The oracle: whatever is wrong after a recovery is found, under the name of the invariant."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from oslo_utils import timeutils

from masakari_lite.engine import validation
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus, VMove, VMoveStatus
from masakari_lite_simulator import Cloud, Migration, Server, SimulatorOptions
from tests.harness import oracle, settings
from tests.harness.cloud import GuestCloud
from tests.harness.guests import KINDS
from tests.harness.monitor import HOST, build_notification
from tests.harness.oracle import Invariant

_ROOT = pathlib.Path(__file__).parents[3]
_OTHER = "compute-2"
_LOCK = "masakari-lite:00000000-0000-4000-8000-000000000001"


class Recovered(GuestCloud):
    """A cloud after a recovery in which all went well."""

    def __init__(self) -> None:
        super().__init__(Cloud(SimulatorOptions()), (HOST,))
        for host in (HOST, _OTHER):
            self.add_host(host)
        self.uuids = {guest.name: self.add_guest(HOST, guest) for guest in KINDS.values()}
        self.cloud.fail_host(HOST)
        self.cloud.hosts[HOST].disabled = True
        for guest in KINDS.values():
            server = self.server(guest.name)
            server.vm_state, server.power_state, server.task_state = guest.vm_state, guest.power_state, None
            if guest.moves:
                server.host = _OTHER
                self.add_evacuation(guest.name)

    def server(self, name: str) -> Server:
        """Return the instance of a guest."""
        return self.cloud.servers[self.uuids[name]]

    def add_evacuation(self, name: str, status: str = "done") -> Migration:
        """Write one more evacuation record."""
        record = Migration(
            len(self.cloud.migrations),
            f"migration-{len(self.cloud.migrations)}",
            self.uuids[name],
            "evacuation",
            status,
            HOST,
            HOST,
            _OTHER,
            0.0,
        )
        self.cloud.migrations.append(record)
        return record


@pytest.fixture
def site() -> Recovered:
    return Recovered()


def _set(**values: Any) -> Callable[[Recovered], None]:
    def change(site: Recovered) -> None:
        for name, value in values.items():
            setattr(site.server("active"), name, value)

    return change


def _break_record(**values: Any) -> Callable[[Recovered], None]:
    def change(site: Recovered) -> None:
        for name, value in values.items():
            setattr(site.cloud.migrations[0], name, value)

    return change


def _keep_running(site: Recovered) -> None:
    site.cloud.running[site.uuids["active"]] = [site.cloud.migrations[0]]


def _enable(site: Recovered) -> None:
    site.cloud.hosts[HOST].disabled = False


def _unlock_owner(site: Recovered) -> None:
    site.server("locked-by-owner").locked_by = None


def test_nothing_is_found_when_nothing_is_wrong(site: Recovered) -> None:
    assert oracle.judge_cloud(site) == []


@pytest.mark.parametrize(
    ("break_it", "invariant"),
    [
        (_break_record(overlapped=True), Invariant.ONE_AT_A_TIME),
        (_break_record(host_was_alive=True), Invariant.HOST_IS_DOWN),
        (_break_record(service_was_up=True), Invariant.HOST_IS_DOWN),
        (_break_record(status="failed"), Invariant.EVACUATED_ONCE),
        (lambda site: site.add_evacuation("active"), Invariant.EVACUATED_ONCE),
        (lambda site: site.add_evacuation("soft-deleted"), Invariant.EVACUATED_ONCE),
        (_set(host=HOST), Invariant.IS_ELSEWHERE),
        (_set(deleted=True), Invariant.IS_ELSEWHERE),
        (_set(vm_state="error"), Invariant.SAME_STATE),
        (_set(power_state=4), Invariant.SAME_STATE),
        (_set(task_state="rebuilding"), Invariant.SAME_STATE),
        (_set(locked_by="admin", locked_reason=_LOCK), Invariant.NO_LOCK_OF_OURS),
        (_set(locked_by="admin", locked_reason=None), Invariant.NO_LOCK_OF_OURS),
        (_unlock_owner, Invariant.LOCK_OF_OTHERS),
        (_enable, Invariant.SERVICE_IS_DISABLED),
        (_keep_running, Invariant.COMES_TO_AN_END),
    ],
)
def test_what_is_wrong_in_the_cloud_is_found(
    site: Recovered, break_it: Callable[[Recovered], object], invariant: Invariant
) -> None:
    break_it(site)
    assert [violation.invariant for violation in oracle.judge_cloud(site)] == [invariant]


def test_an_evacuation_that_was_to_fail_first_is_expected(site: Recovered) -> None:
    site.failures[site.uuids["active"]] = ["failed"]
    assert [violation.invariant for violation in oracle.judge_cloud(site)] == [Invariant.EVACUATED_ONCE]
    site.cloud.migrations[0].status = "failed"
    site.add_evacuation("active")
    assert oracle.judge_cloud(site) == []


@pytest.mark.parametrize(
    ("changes", "invariant"),
    [
        ({}, None),
        ({"evacuations": ["completed"]}, None),
        ({"evacuations": ["done", "done"]}, Invariant.EVACUATED_ONCE),
        ({"evacuations": []}, Invariant.EVACUATED_ONCE),
        ({"host": HOST}, Invariant.IS_ELSEWHERE),
        ({"vm_state": "stopped"}, Invariant.SAME_STATE),
        ({"task_state": "rebuilding"}, Invariant.SAME_STATE),
        ({"lock": ("somebody", _LOCK)}, Invariant.NO_LOCK_OF_OURS),
    ],
)
def test_one_instance_of_any_cloud(changes: dict[str, Any], invariant: Invariant | None) -> None:
    seen = oracle.Seen("uuid", _OTHER, "active", 1, None, (None, None), ["done"])
    found = oracle.judge_move(dataclasses.replace(seen, **changes), (HOST,), "active")
    assert [violation.invariant for violation in found] == ([invariant] if invariant else [])


@pytest.fixture
def journal(tmp_path: pathlib.Path) -> Iterator[Journal]:
    path = settings.write(tmp_path / "masakari.conf", {"DEFAULT": {"state_path": tmp_path}})
    with contextlib.closing(Journal(settings.load(path))) as opened:
        yield opened


def _write(journal: Journal, site: Recovered) -> Notification:
    """Write what an engine writes when all went well."""
    added = journal.notifications.add(validation.parse_notification(build_notification()))
    notification = journal.notifications.claim(added, "engine-1")
    assert notification
    listed = {uuid: guest for uuid, guest in site.guests.items() if guest.status}
    journal.vmoves.add(
        notification,
        [
            VMove(
                notification.notification_uuid,
                uuid,
                guest.name,
                HOST,
                guest.state[0],
                guest.power_state,
                guest.state[1],
                status=VMoveStatus(str(guest.status)),
                message=guest.refusal or "Evacuated",
            )
            for uuid, guest in listed.items()
        ],
    )
    journal.notifications.update(
        notification,
        status=NotificationStatus.FAILED,
        message=f"{len(listed) - 1} succeeded, 1 failed; vtpm: it was refused",
    )
    return notification


def _change_vmove(**changes: Any) -> Callable[[Journal, Notification], None]:
    def change(journal: Journal, notification: Notification) -> None:
        vmove = next(
            vmove
            for vmove in journal.vmoves.list_of(notification.notification_uuid)
            if vmove.instance_name == "active"
        )
        journal.vmoves.update(notification, vmove, **changes)

    return change


def _change_notification(**changes: Any) -> Callable[[Journal, Notification], None]:
    return lambda journal, notification: journal.notifications.update(notification, **changes)


def _add_another(journal: Journal, _notification: Notification) -> None:
    journal.notifications.add(
        validation.parse_notification(build_notification(generated_time=timeutils.utcnow().isoformat()))
    )


def _add_vmove(journal: Journal, notification: Notification) -> None:
    vmove = VMove(notification.notification_uuid, "another", "another", HOST, "active", 1)
    journal.vmoves.add(notification, [vmove])


def test_nothing_is_found_in_a_true_journal(journal: Journal, site: Recovered) -> None:
    _write(journal, site)
    assert oracle.judge_journal(journal, site) == []


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (_change_vmove(status=VMoveStatus.FAILED), "its vmove is failed"),
        (_change_vmove(locked_by_us=True), "claims a lock"),
        (_change_vmove(message=""), "no message"),
        (_change_vmove(vm_state="stopped"), "was overwritten by"),
        (_change_notification(message="1 succeeded"), "instead of failed"),
        (_change_notification(status=NotificationStatus.FINISHED), "the notification is finished"),
        (_add_another, "has the notifications"),
        (_add_vmove, "vmoves instead of one for each"),
    ],
)
def test_what_is_wrong_in_the_journal_is_found(
    journal: Journal, site: Recovered, break_it: Callable[[Journal, Notification], None], what: str
) -> None:
    break_it(journal, _write(journal, site))
    (violation,) = oracle.judge_journal(journal, site)
    assert violation.invariant is Invariant.JOURNAL_IS_TRUE
    assert what in str(violation)


def test_the_contributor_guide_has_every_invariant() -> None:
    page = (_ROOT / "doc/source/contributor/invariants.rst").read_text()
    assert [str(invariant) for invariant in Invariant if f"``{invariant}``" not in page] == []
