"""What must be true when the recoveries are over, of the cloud first and then of the journal.

The contributor guide's page "Invariants" says of each what proves it.
"""

import collections
import dataclasses
import enum
from collections.abc import Collection, Iterator, Sequence
from typing import Self

from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification, NotificationStatus, VMove
from masakari_lite.recovery.context import LOCKED_REASON_PREFIX
from masakari_lite_simulator import Cloud, Server
from tests.harness.cloud import GuestCloud
from tests.harness.guests import Guest


class Invariant(enum.StrEnum):
    """The names of what must be true."""

    HOST_IS_DOWN = "host-is-down"
    """No instance is evacuated from a host that is alive, or that Nova takes for up."""
    ONE_AT_A_TIME = "one-evacuation-at-a-time"
    """No instance is evacuated while another evacuation of it runs."""
    EVACUATED_ONCE = "evacuated-once"
    """Each instance is evacuated until it is elsewhere, and not once more; what is not to be, never."""
    IS_ELSEWHERE = "is-elsewhere"
    """What is to be evacuated is on another host; what is not stays; none is deleted."""
    SAME_STATE = "same-state"
    """Each instance has the state that it is to have, and no task."""
    NO_LOCK_OF_OURS = "no-lock-of-ours"
    """No lock of an engine is left."""
    LOCK_OF_OTHERS = "lock-of-others"
    """A lock of anybody else is as it was."""
    SERVICE_IS_DISABLED = "service-is-disabled"
    """No new instance is put on a host that has failed."""
    JOURNAL_IS_TRUE = "journal-is-true"
    """The journal tells of every notification and instance what became of it."""
    ONE_OWNER = "one-owner"
    """Only the engine that has claimed a host changes anything there."""
    COMES_TO_AN_END = "comes-to-an-end"
    """Every recovery ends, and every engine when it is told to."""


@dataclasses.dataclass(frozen=True)
class Violation:
    """That an invariant does not hold.

    :ivar subject: of which instance, host or engine
    """

    invariant: Invariant
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.subject}: {self.what} [{self.invariant}]"


@dataclasses.dataclass(frozen=True)
class Seen:
    """An instance as a cloud has it, a simulated or a real one.

    :ivar lock: who has locked it, and why
    :ivar evacuations: how its evacuations ended, the oldest first
    """

    uuid: str
    host: str
    vm_state: str
    power_state: int
    task_state: str | None
    lock: tuple[str | None, str | None]
    evacuations: Sequence[str]
    deleted: bool = False

    @classmethod
    def of(cls, cloud: Cloud, server: Server) -> Self:
        """Look at an instance of a simulated cloud."""
        return cls(
            uuid=server.uuid,
            host=server.host,
            vm_state=server.vm_state,
            power_state=server.power_state,
            task_state=server.task_state,
            lock=(server.locked_by, server.locked_reason),
            evacuations=[
                record.status
                for record in cloud.migrations
                if record.instance_uuid == server.uuid and record.migration_type == "evacuation"
            ],
            deleted=server.deleted,
        )

    @property
    def is_locked_by_us(self) -> bool:
        """Whether the lock names an engine."""
        return LOCKED_REASON_PREFIX in (self.lock[1] or "")


def judge_evacuations(cloud: Cloud) -> list[Violation]:
    """List what is wrong with any evacuation, whatever is expected of the instance."""
    return [
        Violation(invariant, record.instance_uuid, f"evacuated while {what}")
        for record in cloud.migrations
        for invariant, what, is_so in (
            (Invariant.ONE_AT_A_TIME, "its evacuation was running", record.overlapped),
            (Invariant.HOST_IS_DOWN, "its host was alive", record.host_was_alive),
            (Invariant.HOST_IS_DOWN, "its compute service was up", record.service_was_up),
        )
        if is_so
    ]


def judge_move(seen: Seen, failed: Collection[str], vm_state: str) -> Iterator[Violation]:
    """List what is wrong with an instance that had to leave its host.

    :param failed: the hosts on which it may not be
    :param vm_state: the one that it must have
    """
    if list(seen.evacuations) not in (["done"], ["completed"]):  # completed: its host has come back since
        yield _wrong_evacuations(seen)
    if seen.host in failed:
        yield Violation(Invariant.IS_ELSEWHERE, seen.uuid, f"it is on {seen.host}")
    if (seen.vm_state, seen.task_state) != (vm_state, None):
        what = f"is {seen.vm_state} ({seen.task_state}) instead of {vm_state}"
        yield Violation(Invariant.SAME_STATE, seen.uuid, what)
    yield from judge_lock(seen)


def judge_lock(seen: Seen) -> Iterator[Violation]:
    """List a lock of ours."""
    if seen.is_locked_by_us:
        yield Violation(Invariant.NO_LOCK_OF_OURS, seen.uuid, f"left locked by us: {seen.lock}")


def judge_cloud(site: GuestCloud) -> list[Violation]:
    """List what is wrong in a cloud whose recoveries have ended."""
    cloud = site.cloud
    with cloud.up_to_date():
        found = judge_evacuations(cloud)
        for uuid, guest in site.guests.items():
            seen = Seen.of(cloud, cloud.servers[uuid])
            for violation in _judge_guest(guest, seen, site.failing, site.failures.get(uuid, [])):
                found.append(dataclasses.replace(violation, subject=f"{guest.name} ({uuid})"))
        for uuid, records in cloud.running.items():
            if records:
                found.append(Violation(Invariant.COMES_TO_AN_END, uuid, "its evacuation still runs"))
        for host in site.failing:
            if not cloud.hosts[host].disabled:
                found.append(Violation(Invariant.SERVICE_IS_DISABLED, host, "its service is enabled"))
    return found


def _judge_guest(
    guest: Guest, seen: Seen, failed: Collection[str], failures: list[str]
) -> Iterator[Violation]:
    if list(seen.evacuations) != ([*failures, "done"] if guest.moves else []):
        yield _wrong_evacuations(seen)
    if seen.deleted:
        yield Violation(Invariant.IS_ELSEWHERE, seen.uuid, "it was deleted")
    if (seen.host in failed) is guest.moves:
        yield Violation(Invariant.IS_ELSEWHERE, seen.uuid, f"it is on {seen.host}")
    now, wanted = (seen.vm_state, seen.power_state), (guest.vm_state, guest.power_state)
    if now != wanted:
        what = f"is {now[0]} ({now[1]}) instead of {wanted[0]} ({wanted[1]})"
        yield Violation(Invariant.SAME_STATE, seen.uuid, what)
    if seen.task_state is not None:
        yield Violation(Invariant.SAME_STATE, seen.uuid, f"its task_state is {seen.task_state}")
    if seen.lock != guest.lock:
        # before microversion 2.73 a lock has no reason
        if guest.lock[0] is None or seen.is_locked_by_us:
            yield Violation(Invariant.NO_LOCK_OF_OURS, seen.uuid, f"left locked by us: {seen.lock}")
        else:
            what = f"its lock was {guest.lock} and is {seen.lock}"
            yield Violation(Invariant.LOCK_OF_OTHERS, seen.uuid, what)


def _wrong_evacuations(seen: Seen) -> Violation:
    statuses = ", ".join(seen.evacuations) or "none"
    return Violation(Invariant.EVACUATED_ONCE, seen.uuid, f"its evacuation records are: {statuses}")


def judge_journal(journal: Journal, site: GuestCloud) -> list[Violation]:
    """List what is wrong in the journal: one notification of each failed host, a vmove of each instance."""
    notifications = journal.notifications.list_by()
    known = collections.Counter(notification.hostname for notification in notifications)
    if known != collections.Counter(site.failing):
        what = f"has the notifications {dict(known)} instead of one each of {', '.join(site.failing)}"
        return [Violation(Invariant.JOURNAL_IS_TRUE, "the journal", what)]
    return [
        Violation(Invariant.JOURNAL_IS_TRUE, notification.hostname, what)
        for notification in notifications
        for what in _judge_notification(
            notification,
            site.guests_of(notification.hostname),
            journal.vmoves.list_of(notification.notification_uuid),
        )
    ]


def _judge_notification(
    notification: Notification, guests: dict[str, Guest], vmoves: list[VMove]
) -> Iterator[str]:
    listed = {uuid: guest for uuid, guest in guests.items() if guest.status}
    count = collections.Counter(guest.status for guest in listed.values())
    status = NotificationStatus.FAILED if count["failed"] else NotificationStatus.FINISHED
    message = f"{count['succeeded']} succeeded" + (f", {count['failed']} failed; " if count["failed"] else "")
    if notification.status is not status or not notification.message.startswith(message):
        now = f"{notification.status} ({notification.message})"
        yield f"the notification is {now} instead of {status} ({message})"
    if sorted(vmove.instance_uuid for vmove in vmoves) != sorted(listed):
        yield f"has {len(vmoves)} vmoves instead of one for each of {len(listed)} instances"
    for vmove in vmoves:
        if guest := listed.get(vmove.instance_uuid):
            yield from (f"{guest.name}: {what}" for what in _judge_vmove(guest, vmove))


def _judge_vmove(guest: Guest, vmove: VMove) -> Iterator[str]:
    if vmove.status != guest.status:
        yield f"its vmove is {vmove.status} ({vmove.message}) instead of {guest.status}"
    if not vmove.message:
        yield "its vmove has no message"
    if guest.refusal not in vmove.message:
        yield f"its message is {vmove.message!r}, without Nova's reason"
    if vmove.locked_by_us:
        yield "its vmove still claims a lock"
    if (vmove.vm_state, vmove.task_state) != guest.state:
        yield f"its state before, {guest.state}, was overwritten by {(vmove.vm_state, vmove.task_state)}"
