"""What every step of one host's recovery needs."""

import dataclasses
from collections.abc import Callable

from oslo_config import cfg

from masakari_lite.compute.nova import NovaAPI
from masakari_lite.compute.poller import HostPoller
from masakari_lite.journal.store import Journal
from masakari_lite.models import Notification
from masakari_lite.recovery.progress import ProgressLog

LOCKED_REASON_PREFIX = "masakari-lite:"
_CHECK_EVERY = 10
"""So many verify_intervals may pass before an instance under evacuation is asked for by itself."""


@dataclasses.dataclass(frozen=True)
class RecoveryContext:
    """The recovery of one host, handed to its tasks and green threads.

    :ivar notification: as it was claimed: its owner is this engine
    :ivar nova: changes nothing when the claim on the host is lost
    :ivar is_stopping: true when the engine shuts down, or has lost its claim, and nothing new may be begun
    """

    conf: cfg.ConfigOpts
    journal: Journal
    nova: NovaAPI
    notification: Notification
    poller: HostPoller
    progress: ProgressLog
    is_stopping: Callable[[], bool]

    @property
    def host(self) -> str:
        """The failed host."""
        return self.notification.hostname

    @property
    def check_period(self) -> float:
        """Seconds for which an instance under evacuation is taken for what it was seen to be.

        That it exists, that its lock is ours, and that its error is still to be written.
        """
        return float(_CHECK_EVERY * self.conf.verify_interval)

    @property
    def locked_reason(self) -> str:
        """The reason that our locks carry: it names us and the notification."""
        return build_locked_reason(self.notification.notification_uuid)


def build_locked_reason(notification_uuid: str) -> str:
    """Build the reason of the locks that a notification's recovery sets."""
    return f"{LOCKED_REASON_PREFIX} evacuation by notification {notification_uuid}"


def build_context(
    conf: cfg.ConfigOpts,
    journal: Journal,
    nova: NovaAPI,
    notification: Notification,
    is_stopping: Callable[[], bool],
    check_claim: Callable[[], None],
) -> RecoveryContext:
    """Put together what the recovery of a notification's host needs.

    :param check_claim: raises ClaimLost when another engine may resume the recovery
    """
    nova = nova.guarded_by(check_claim)
    return RecoveryContext(
        conf=conf,
        journal=journal,
        nova=nova,
        notification=notification,
        poller=HostPoller(nova, notification.hostname, conf.verify_interval),
        progress=ProgressLog(journal, notification),
        is_stopping=is_stopping,
    )
