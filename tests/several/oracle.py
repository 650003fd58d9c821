"""What must be so after a round. The simulated cloud is asked, and only then the journal."""

from collections.abc import Iterable, Iterator

from masakari_lite.journal.store import Journal
from masakari_lite.models import NotificationStatus, VMoveStatus
from masakari_lite.simulator import Migration, Server
from tests.several import ownership
from tests.several.crew import Member
from tests.several.guests import Guest
from tests.several.site import Site


def judge_cloud(site: Site) -> list[str]:
    """List what is wrong in the cloud."""
    cloud = site.cloud
    with cloud.up_to_date():
        found = [
            f"{record.instance_uuid}: {what}" for record in cloud.migrations for what in _list_risks(record)
        ]
        for uuid, guest in site.guests.items():
            server = cloud.servers[uuid]
            found += [f"{uuid} ({guest.before}): {what}" for what in _find_faults(site, server, guest)]
        found += [f"{uuid}: its evacuation still runs" for uuid, records in cloud.running.items() if records]
        found += [
            f"{host}: its service is enabled" for host in site.failing if not cloud.hosts[host].disabled
        ]
    return found


def _list_risks(record: Migration) -> Iterator[str]:
    if record.overlapped:
        yield "evacuated while its evacuation was running"
    if record.host_was_alive:
        yield "evacuated while its host was alive"
    if record.service_was_up:
        yield "evacuated while its compute service was up"


def _find_faults(site: Site, server: Server, guest: Guest) -> Iterator[str]:
    statuses = [record.status for record in site.records_of(server)]
    if statuses != ["done"]:
        yield f"its evacuation records are {statuses or 'none'}"
    if server.host in site.failing:
        yield f"it is on {server.host}"
    if (server.vm_state, server.power_state) != (guest.vm_state, guest.power_state):
        yield f"is {server.vm_state} ({server.power_state}) instead of {guest.vm_state} ({guest.power_state})"
    if server.task_state is not None:
        yield f"its task_state is {server.task_state}"
    lock = (server.locked_by, server.locked_reason)
    if lock != guest.lock:
        yield f"its lock was {guest.lock} and is {lock}"


def judge_journal(journal: Journal, hosts: Iterable[str]) -> list[str]:
    """List what is wrong in the journal."""
    found = []
    notifications = journal.list_notifications()
    told = sorted(notification.hostname for notification in notifications)
    if told != sorted(hosts):
        found.append(f"the journal has notifications of {told}")
    for notification in notifications:
        if notification.status is not NotificationStatus.FINISHED:
            found.append(f"{notification.hostname} is {notification.status} ({notification.message})")
        for vmove in journal.list_vmoves(notification.notification_uuid):
            if vmove.status is not VMoveStatus.SUCCEEDED or vmove.locked_by_us:
                found.append(
                    f"{vmove.instance_uuid} is {vmove.status} in the journal ({vmove.message}), "
                    f"locked_by_us {vmove.locked_by_us}"
                )
    return found


def judge_requests(site: Site, crew: Iterable[Member]) -> list[str]:
    """List the changes that an engine asked for on a host that another one had taken up."""
    takeovers = ownership.read(crew)
    found = []
    for record in site.list_changes():
        host = site.sources[record.uuid or ""]
        owners = ownership.find_owners(takeovers, host, record.time)
        if owners and record.user not in owners:
            owner = " or ".join(sorted(owners))
            found.append(f"{record.user} asked for {record.kind} of {record.uuid} when {owner} had {host}")
    return found
