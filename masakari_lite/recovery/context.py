"""What every step of one host's recovery needs."""

import dataclasses
from collections.abc import Callable

from oslo_config import cfg

from masakari_lite.compute.nova import NovaAPI
from masakari_lite.compute.watcher import HostWatcher
from masakari_lite.journal.store import Journal
from masakari_lite.models import Instance, Notification
from masakari_lite.recovery.progress import ProgressLog

LOCKED_REASON_PREFIX = "masakari-lite:"


@dataclasses.dataclass(frozen=True)
class RecoveryContext:
    """The recovery of one host, handed to its tasks and green threads.

    :ivar notification: as it was taken up: its owner is this engine
    :ivar nova: changes nothing when the claim on the host is lost
    :ivar is_stopping: true when the engine shuts down, or has lost its claim, and nothing new may be begun
    """

    conf: cfg.ConfigOpts
    journal: Journal
    nova: NovaAPI
    notification: Notification
    watcher: HostWatcher
    progress: ProgressLog
    is_stopping: Callable[[], bool]

    @property
    def host(self) -> str:
        """The failed host."""
        return self.notification.hostname

    @property
    def locked_reason(self) -> str:
        """The reason that our locks carry: it names us and the notification."""
        return f"{LOCKED_REASON_PREFIX} evacuation by notification {self.notification.notification_uuid}"


def find_locking_notification(instance: Instance) -> str:
    """Tell which notification's recovery an instance was locked for, by its ``locked_reason``."""
    return (instance.locked_reason or "").rpartition(" ")[2]


def build_context(
    conf: cfg.ConfigOpts,
    journal: Journal,
    nova: NovaAPI,
    notification: Notification,
    is_stopping: Callable[[], bool],
    check_claim: Callable[[], None],
) -> RecoveryContext:
    """Put together what the recovery of a notification's host needs.

    :param check_claim: raises ClaimLost when another engine may go on with the recovery
    """
    nova = nova.guarded_by(check_claim)
    return RecoveryContext(
        conf=conf,
        journal=journal,
        nova=nova,
        notification=notification,
        watcher=HostWatcher(nova, notification.hostname, conf.verify_interval),
        progress=ProgressLog(journal, notification),
        is_stopping=is_stopping,
    )
