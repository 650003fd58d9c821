"""Several runs at once, each lane with a zygote of its own."""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator

from masakari_lite import concurrency
from tests.crash import journal
from tests.crash.points import Spec
from tests.crash.run import LIMIT, Outcome, Run
from tests.harness.forks import Zygote

LANES = 3
"""More than the two cores of a small machine: a lane waits for timers half of its time."""

_MEMORY = pathlib.Path("/dev/shm")


def _choose() -> pathlib.Path | None:
    """Keep the journals in memory where that can be: a killed process loses nothing there, and no disk waits.

    To lose what was not on the disk yet takes more than SIGKILL.
    """
    return _MEMORY if os.access(_MEMORY, os.W_OK) else None


class Lanes:
    """Runs specs; a context manager that ends every process and removes every file."""

    def __init__(self, count: int = LANES, limit: float = LIMIT) -> None:
        self._count = count
        self._limit = limit
        self._stack = contextlib.ExitStack()
        self._zygotes: list[Zygote] = []

    def __enter__(self) -> "Lanes":
        with contextlib.ExitStack() as stack:
            self._top = pathlib.Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="masakari-lite-crash-", dir=_choose()))
            )
            self._template = journal.make(self._top)
            self._zygotes = [stack.enter_context(Zygote()) for _ in range(self._count)]
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stack.close()

    def run(self, specs: Iterable[Spec]) -> Iterator[Outcome]:
        """Run them, and yield the outcomes as they come."""
        outcomes = concurrency.run_all(self._run_one, specs, self._count)
        with contextlib.closing(outcomes):
            try:
                for found in outcomes:
                    if found.result is None:
                        raise found.error or AssertionError(found.item)
                    yield found.result
            except BaseException:
                self._stack.close()  # the runs under way end with their engines
                raise

    def _run_one(self, spec: Spec) -> Outcome:
        zygote = self._zygotes.pop()
        directory = pathlib.Path(tempfile.mkdtemp(dir=self._top))
        try:
            return Run(spec, zygote, directory, self._template, self._limit).go()
        finally:
            self._zygotes.append(zygote)
            shutil.rmtree(directory)
