"""Mistakes to put into an engine, so that the proof is seen to find them: each breaks one of its rules."""

import dataclasses
from collections.abc import Callable
from typing import Any

from masakari_lite.compute.nova import NovaAPI
from masakari_lite.engine.dispatcher import Dispatcher
from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict, NotificationStatus, Step
from masakari_lite.recovery import states
from masakari_lite.recovery.evacuation import _Evacuation
from masakari_lite.recovery.locking import InstanceLock
from masakari_lite.recovery.move import Move


def commit(name: str | None) -> None:
    """Put the mistake of that name into this process; None puts none."""
    if name is not None:
        _MISTAKES[name]()


def _evacuate_blindly() -> None:
    """Do not look whether an evacuation was sent before the crash."""
    _wrap(_Evacuation, "_is_under_way", lambda *_: False)
    _wrap(_Evacuation, "_appears", lambda *_: False)


def _evacuate_at_once() -> None:
    """Look for an evacuation, but give Nova no time to note one that was sent just before the crash."""
    _wrap(_Evacuation, "_appears", lambda *_: False)


def _evacuate_twice() -> None:
    def evacuate(evacuate: Callable[..., None], nova: NovaAPI, uuid: str) -> None:
        evacuate(nova, uuid)
        evacuate(nova, uuid)

    _wrap(NovaAPI, "evacuate", evacuate)


def _lock_before_writing() -> None:
    """Write that a lock is ours only with the next step."""

    def note(note: Callable[..., None], move: Move, step: Step, **changes: object) -> None:
        if step is Step.LOCK:
            move.learn(**changes)
        else:
            note(move, step, **changes)

    _wrap(Move, "note", note)


def _keep_locks() -> None:
    _wrap(NovaAPI, "unlock", lambda *_: None)


def _unlock_everybody() -> None:
    def end(end: Callable[..., None], lock: Any, ending: JsonDict) -> None:
        end(lock, ending)
        lock._nova.unlock(lock._move.uuid)

    _wrap(InstanceLock, "end", end)


def _trust_second_sight() -> None:
    """Go by the state that the instance has now, not by the one of first sight in the journal."""

    def decide(_decide: Callable[..., Any], evacuation: Any) -> states.Rule:
        now = evacuation._watcher.get_instance(evacuation._uuid)
        return states.decide(now.vm_state, now.task_state, now.power_state, now.host)

    _wrap(_Evacuation, "_decide", decide)


def _leave_running_ones() -> None:
    """Take up new notifications only, not what an engine that died has begun."""

    def find_delay(find: Callable[..., Any], dispatcher: Dispatcher, notification: Any, age: float) -> Any:
        return find(dispatcher, notification, age) if notification.status is NotificationStatus.NEW else None

    _wrap(Dispatcher, "_find_delay", find_delay)


def _forget_one() -> None:
    """After a restart, take the last of the moves for one that has ended."""

    def list_vmoves(list_vmoves: Callable[..., list[Any]], journal: Journal, uuid: str) -> list[Any]:
        moves = list_vmoves(journal, uuid)
        return [*moves[:-1], *(dataclasses.replace(move, status="succeeded") for move in moves[-1:])]

    _wrap(Journal, "list_vmoves", list_vmoves)


def _wrap(owner: Any, name: str, function: Callable[..., Any]) -> None:
    """Have a method replaced by a function that gets the original before its arguments."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *args, **kwargs: function(original, *args, **kwargs))


_MISTAKES: dict[str, Callable[[], None]] = {
    "evacuate-blindly": _evacuate_blindly,
    "evacuate-at-once": _evacuate_at_once,
    "evacuate-twice": _evacuate_twice,
    "lock-before-writing": _lock_before_writing,
    "keep-locks": _keep_locks,
    "unlock-everybody": _unlock_everybody,
    "trust-second-sight": _trust_second_sight,
    "leave-running-ones": _leave_running_ones,
    "forget-one": _forget_one,
}
