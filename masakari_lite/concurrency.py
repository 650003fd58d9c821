"""The only package that uses eventlet: when it is replaced, this module and ``cmd/`` change."""

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Generic, TypeVar

import eventlet
from eventlet import hubs, patcher

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclasses.dataclass(frozen=True)
class Outcome(Generic[Item, Result]):
    """What became of one item: a result, or the error that ended its green thread."""

    item: Item
    result: Result | None = None
    error: BaseException | None = None


def is_patched() -> bool:
    """Return whether the process is monkey-patched; without it a GreenPool runs serially."""
    return bool(patcher.is_monkey_patched("thread"))


def run_all(
    func: Callable[[Item], Result], items: Iterable[Item], limit: int
) -> Generator[Outcome[Item, Result], None, None]:
    """Run ``func`` on every item, at most ``limit`` at a time, and yield the outcomes as they come.

    No failure is lost: whatever a green thread raised, its item is yielded with the error. Closing the
    generator early begins no further item and waits for those that run; close it with
    ``contextlib.closing``, so that no green thread outlives its caller unseen.

    :param items: taken one by one as green threads become free
    :param limit: how many green threads run at once
    """
    pool = eventlet.GreenPool(limit)
    outcomes: Any = eventlet.Queue()
    todo = iter(items)
    running = 0
    try:
        while True:
            for item in itertools.islice(todo, limit - running):
                pool.spawn(_run_one, func, item, outcomes)
                running += 1
            if not running:
                return
            yield outcomes.get()
            running -= 1
    finally:
        pool.waitall()


def _run_one(func: Callable[[Item], Result], item: Item, outcomes: Any) -> None:
    try:
        outcome: Outcome[Item, Result] = Outcome(item, result=func(item))
    except BaseException as error:  # noqa: BLE001 - a killed thread is a failure, too
        outcome = Outcome(item, error=error)
    outcomes.put(outcome)


class Turns:
    """Lets so many green threads at once do something that is mostly short; the others wait for their turn.

    A turn that takes long ends early, for the others: whoever waits for something that does not answer must
    not keep those from working that wait for something else.
    """

    def __init__(self, limit: int, longest: float) -> None:
        """Prepare.

        :param limit: how many have a turn at once
        :param longest: seconds after which a turn is given to the next
        """
        self._free = eventlet.Semaphore(limit)
        self._longest = longest

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Wait for a turn; it ends with the block, at the latest."""
        self._free.acquire()
        end = hubs.get_hub().schedule_call_global(self._longest, self._free.release)
        try:
            yield
        finally:
            if not end.called:
                end.cancel()
                self._free.release()


def spawn(func: Callable[..., Any], *args: Any) -> Any:
    """Run ``func`` in a green thread of its own; the returned object has ``wait()``."""
    return eventlet.spawn(func, *args)
