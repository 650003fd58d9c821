"""What a request of ours may do late: after the engine that sent it was interrupted, or gave up waiting.

A claim is checked right before the bytes of a request are sent, and they reach the other side within its
lease or not at all (see ``compute/wire.py``). How long a load balancer or Nova then keeps the request is up
to them. Nova refuses an evacuation that comes after another one has ended, because the instance is on a
living host by then; while another one runs it accepts it (since bug 1978983).
"""

import datetime
from collections.abc import Iterable

from oslo_config import cfg

from masakari_lite.journal.clock import JournalClock
from masakari_lite.models import Migration


def find_recheck_time(conf: cfg.ConfigOpts, clock: JournalClock) -> datetime.datetime:
    """Return when Nova is asked once more about an instance for which a request may come late."""
    return clock.in_seconds(conf.nova.late_request_period)


def describe_double_evacuation(records: Iterable[Migration], baseline: int) -> str:
    """Describe a second evacuation of the same attempt; empty when there was none.

    Of two that run at once Nova ends one, or both, as failed or error, or both as done: whatever their
    statuses are, the guest may have been started on both hosts.

    :param records: all evacuation records of one instance
    :param baseline: only those with an id above this are of this attempt
    """
    found = [record for record in records if record.id > baseline]
    if len(found) < 2:
        return ""
    listed = ", ".join(
        f"record {record.id} to {record.dest_host or 'no host yet'} ({record.status})"
        for record in sorted(found, key=lambda record: record.id)
    )
    return (
        f"Nova has evacuated it {len(found)} times, because a request was carried out late: {listed}; it may "
        "run on more than one host: stop it on every host but the one that 'openstack server show' names"
    )
