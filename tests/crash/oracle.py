"""What must be so after every run. The simulated cloud is asked, and only at the end the journal."""

from collections.abc import Iterator

from masakari_lite.models import JsonDict
from masakari_lite.simulator import Migration, Server
from tests.crash.cloud import CrashCloud
from tests.crash.guests import GUESTS, Guest
from tests.functional.harness import HOST

MARK = "masakari-lite:"
"""What the reasons of our locks begin with."""
END = ("finished", "11 succeeded, 1 ignored")
"""The notification's status and message."""


def judge_cloud(crash_cloud: CrashCloud) -> list[str]:
    """List what is wrong in the cloud after a recovery."""
    cloud = crash_cloud.cloud
    with cloud.up_to_date():
        found = [f"{record.instance_uuid}: {what}" for record in cloud.migrations for what in _unsafe(record)]
        for guest in GUESTS:
            server = crash_cloud.servers[guest.name]
            records = [record for record in cloud.migrations if record.instance_uuid == server.uuid]
            failures = [crash_cloud.failing[guest.name]] if guest.name in crash_cloud.failing else []
            found += [f"{guest.name}: {what}" for what in _wrong(guest, server, records, failures)]
        found += [f"{uuid}: its evacuation still runs" for uuid, records in cloud.running.items() if records]
        if not cloud.hosts[HOST].disabled:
            found.append(f"the compute service of {HOST} is enabled")
        return found


def judge_journal(end: tuple[str, str], moves: list[JsonDict]) -> list[str]:
    """List what is wrong in the journal after a recovery.

    :param end: the notification's status and message
    :param moves: as ``journal.read_moves()`` reads them
    """
    found = [] if end == END else [f"the notification is {end[0]} ({end[1]})"]
    by_name = {move["instance_name"]: move for move in moves}
    found += [f"{guest.name}: not in the journal" for guest in GUESTS if guest.name not in by_name]
    if len(moves) != len(GUESTS):
        found.append(f"{len(moves)} moves in the journal instead of {len(GUESTS)}")
    for guest in GUESTS:
        if move := by_name.get(guest.name):
            found += [f"{guest.name}: {what}" for what in _wrong_move(guest, move)]
    return found


def _unsafe(record: Migration) -> Iterator[str]:
    if record.overlapped:
        yield "evacuated while its evacuation was running"
    if record.host_was_alive:
        yield "evacuated while its host was alive"
    if record.service_was_up:
        yield "evacuated while its compute service was up"


def _wrong(guest: Guest, server: Server, records: list[Migration], failures: list[str]) -> Iterator[str]:
    statuses = [record.status for record in records]
    if statuses != ([*failures, "done"] if guest.moves else []):
        yield f"its evacuation records are {statuses or 'none'}"
    if server.deleted:
        yield "it was deleted"
    if (server.host == HOST) is guest.moves:
        yield f"it is on {server.host}"
    if (server.vm_state, server.power_state) != (guest.vm_state, guest.power_state):
        yield f"is {server.vm_state} ({server.power_state}) instead of {guest.vm_state} ({guest.power_state})"
    if server.task_state is not None:
        yield f"its task_state is {server.task_state}"
    yield from _wrong_lock(guest, server)


def _wrong_lock(guest: Guest, server: Server) -> Iterator[str]:
    lock = (server.locked_by, server.locked_reason)
    if lock == (guest.locked_by, guest.locked_reason):
        return
    if guest.locked_by is None or (server.locked_reason or "").startswith(MARK):
        yield f"left locked by us: {lock}"
    else:
        yield f"its lock was {(guest.locked_by, guest.locked_reason)} and is {lock}"


def _wrong_move(guest: Guest, move: JsonDict) -> Iterator[str]:
    status = "succeeded" if guest.moves else "ignored"
    if move["status"] != status:
        yield f"its move is {move['status']} ({move['message']}) instead of {status}"
    if not move["message"]:
        yield "its move has no message"
    if move["locked_by_us"]:
        yield "its move still claims a lock"
    before = (guest.before.get("vm_state", "active"), guest.before.get("task_state"))
    if (move["vm_state"], move["task_state"]) != before:
        yield f"its original state {before} was overwritten by {(move['vm_state'], move['task_state'])}"
