"""Mistakes to put into an engine, so that the proof is seen to find them: each breaks one of its rules."""

import dataclasses
from collections.abc import Callable
from typing import Any

from masakari_lite.compute.servers import Servers
from masakari_lite.coordination.claims import Claim, Claims
from masakari_lite.engine import selection
from masakari_lite.journal import ownership
from masakari_lite.journal.tables import NotificationRow
from masakari_lite.journal.vmoves import VMoves
from masakari_lite.models import NotificationStatus, Step
from masakari_lite.recovery.host import states
from masakari_lite.recovery.host.evacuation import _Evacuation
from masakari_lite.recovery.host.request import EvacuationRequest
from masakari_lite.recovery.locking import InstanceLock
from masakari_lite.recovery.vmoves import TrackedVMove


def commit(name: str | None) -> None:
    """Put the mistake of that name into this process; None puts none."""
    if name is not None:
        MISTAKES[name]()


def _evacuate_blindly() -> None:
    """Do not look whether an evacuation was sent before the crash."""
    _wrap(EvacuationRequest, "_is_under_way", lambda *_: False)
    _wrap(EvacuationRequest, "_appears", lambda *_: False)


def _evacuate_at_once() -> None:
    """Look for an evacuation, but give Nova no time to note one that was sent just before the crash."""
    _wrap(EvacuationRequest, "_appears", lambda *_: False)


def _evacuate_twice() -> None:
    def evacuate(evacuate: Callable[..., None], servers: Servers, uuid: str) -> None:
        evacuate(servers, uuid)
        evacuate(servers, uuid)

    _wrap(Servers, "evacuate", evacuate)


def _lock_before_writing() -> None:
    """Write that a lock is ours only with the next step."""

    def write_step(write: Callable[..., None], vmove: TrackedVMove, step: Step, **changes: object) -> None:
        if step is Step.LOCK:
            vmove.keep(**changes)
        else:
            write(vmove, step, **changes)

    _wrap(TrackedVMove, "write_step", write_step)


def _keep_locks() -> None:
    _wrap(Servers, "unlock", lambda *_: None)


def _unlock_everybody() -> None:
    def end(end: Callable[..., None], lock: Any, *arguments: Any, **options: Any) -> None:
        end(lock, *arguments, **options)
        lock._nova.servers.unlock(lock._vmove.uuid)

    _wrap(InstanceLock, "complete", end)
    _wrap(InstanceLock, "remove", end)


def _trust_second_sight() -> None:
    """Go by the state that the instance has now, not by the one of first sight in the journal."""

    def require_end(_require_end: Callable[..., Any], evacuation: Any) -> states.End | None:
        now = evacuation._poller.get_instance(evacuation._vmove.uuid)
        return states.decide(now.vm_state, now.task_state, now.power_state, now.host).end

    _wrap(_Evacuation, "_require_end", require_end)


def _leave_running_ones() -> None:
    """Take up new notifications only, not what an engine that died has begun."""

    def find_delay(find: Callable[..., Any], notification: Any, *arguments: Any) -> Any:
        return find(notification, *arguments) if notification.status is NotificationStatus.NEW else None

    _wrap(selection, "find_delay", find_delay)


def _forget_one() -> None:
    """After a restart, take the last of the moves for one that has ended."""

    def list_of(list_of: Callable[..., list[Any]], vmoves: VMoves, uuid: str) -> list[Any]:
        found = list_of(vmoves, uuid)
        return [*found[:-1], *(dataclasses.replace(vmove, status="succeeded") for vmove in found[-1:])]

    _wrap(VMoves, "list_of", list_of)


def _act_on_lost_claims() -> None:
    """Neither look whether the claim still holds nor whether the journal has another owner."""
    Claim.is_lost = False  # type: ignore[assignment, method-assign]
    ownership.is_owned = lambda notification: (
        NotificationRow.notification_uuid == notification.notification_uuid,
    )


def _claim_nothing() -> None:
    """Recover whatever is in the journal, whoever else does."""

    class Unclaimed:
        """A lock that everybody has."""

        def release(self) -> None:
            """Do nothing."""

    def claim(claims: Any, host: str) -> Claim | None:
        if host in claims._claimed:
            return None
        claims._claimed[host] = Claim(host, Unclaimed(), 1e9, 0.0)
        return claims._claimed[host]

    Claims.claim = claim  # type: ignore[method-assign]
    _act_on_lost_claims()


def _wrap(owner: Any, name: str, function: Callable[..., Any]) -> None:
    """Have a method replaced by a function that gets the original before its arguments."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: function(original, *args, **kwargs))


MISTAKES: dict[str, Callable[[], None]] = {
    "evacuate-blindly": _evacuate_blindly,
    "evacuate-at-once": _evacuate_at_once,
    "evacuate-twice": _evacuate_twice,
    "lock-before-writing": _lock_before_writing,
    "keep-locks": _keep_locks,
    "unlock-everybody": _unlock_everybody,
    "trust-second-sight": _trust_second_sight,
    "leave-running-ones": _leave_running_ones,
    "forget-one": _forget_one,
    "act-on-lost-claims": _act_on_lost_claims,
    "claim-nothing": _claim_nothing,
}
