"""Whether a recovery may begin: asked before its host is claimed."""

from collections.abc import Callable, Sequence

from masakari_lite.models import Notification

Check = Callable[[Notification], str]
"""Returns why a notification is held; empty when it is not."""


class Admission:
    """Asks all checks; what one of them holds stays as it is in the journal, and is asked about again.

    Nobody is asked about a recovery that is resumed.
    """

    def __init__(self, checks: Sequence[Check] = ()) -> None:
        self._checks = checks

    def find_objection(self, notification: Notification) -> str:
        """Return why a recovery may not begin now; empty when it may."""
        return next(filter(None, (check(notification) for check in self._checks)), "")
