"""Mistakes to put into an engine, so that the proof is seen to find them."""

from collections.abc import Callable
from typing import Any

from masakari_lite.engine.claims import Claim, Claims
from masakari_lite.journal import store
from masakari_lite.journal.tables import NotificationRow


def commit(name: str | None) -> None:
    """Put the mistake of that name into this process; None puts none."""
    if name is not None:
        MISTAKES[name]()


def _act_on_lost_claims() -> None:
    """Neither look whether the claim still holds nor whether the journal has another owner."""
    Claim.is_lost = False  # type: ignore[assignment, method-assign]
    store._is_owned = lambda notification: (
        NotificationRow.notification_uuid == notification.notification_uuid,
    )


def _claim_nothing() -> None:
    """Recover whatever is in the journal, whoever else does."""

    class Unclaimed:
        """A lock that everybody has."""

        def release(self) -> None:
            """Do nothing."""

    def claim(claims: Any, host: str) -> Claim | None:
        if host in claims._held:
            return None
        claims._held[host] = Claim(host, Unclaimed(), 1e9, 0.0)
        return claims._held[host]

    Claims.claim = claim  # type: ignore[method-assign]
    _act_on_lost_claims()


MISTAKES: dict[str, Callable[[], None]] = {
    "act-on-lost-claims": _act_on_lost_claims,
    "claim-nothing": _claim_nothing,
}
