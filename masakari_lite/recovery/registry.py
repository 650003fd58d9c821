"""Which recovery is for which failure: by the type of the notification and the recovery method."""

from collections.abc import Callable

from masakari_lite.models import NotificationType
from masakari_lite.recovery.context import RecoveryContext
from masakari_lite.recovery.host.flow import recover_host
from masakari_lite.recovery.results import Result

Recovery = Callable[[RecoveryContext], Result]

AUTO = "auto"
"""Masakari's recovery method in which Nova's scheduler chooses the hosts."""

_RECOVERIES: dict[tuple[NotificationType, str], Recovery] = {
    (NotificationType.COMPUTE_HOST, AUTO): recover_host,
}


def find_recovery(notification_type: NotificationType, method: str = AUTO) -> Recovery:
    """Return what recovers from a failure of this type.

    :raises KeyError: when there is none: such a notification gets its final status when it is accepted
    """
    return _RECOVERIES[notification_type, method]
