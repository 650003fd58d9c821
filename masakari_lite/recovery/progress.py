"""How far a recovery is, task by task, kept in the journal for whoever asks."""

import time

from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict, Notification

_WRITTEN_EVERY = 1.0
"""Seconds that pass at least between the writes of two notes."""
_KEPT = 100
"""So many notes of a task are kept: all are written again with each one, whatever the number of instances."""


class ProgressLog:
    """The workflow details of one notification, in the shape that Masakari's API shows them.

    Only the thread that runs the flow may write: the entries of a task's pool come to it one by one.
    """

    def __init__(self, journal: Journal, notification: Notification) -> None:
        self._journal = journal
        self._notification = notification
        self._tasks: list[JsonDict] = []
        self._said = 0
        self._written_at = 0.0

    def begin(self, task: str) -> None:
        """Note that a task has begun."""
        self._said = 0
        self._written_at = 0.0
        self._tasks.append({"name": task, "state": "RUNNING", "progress": 0.0, "progress_details": []})
        self._write()

    def say(self, message: str, progress: float) -> None:
        """Note what the running task has just done; written with the next note, or at the task's end.

        :param progress: the share of the task that is done, 0 to 1
        """
        task = self._tasks[-1]
        task["progress"] = round(progress, 4)
        self._said += 1
        notes = [*task["progress_details"], self._build_note(message, task["progress"])][-_KEPT:]
        if self._said > _KEPT:
            left_out = self._said - _KEPT + 1
            note = f"{left_out} notes of before are left out: the vmoves tell of each instance"
            notes[0] |= {"message": note}
        task["progress_details"] = notes
        if time.monotonic() - self._written_at >= _WRITTEN_EVERY:
            self._written_at = time.monotonic()
            self._write()

    def end(self, state: str) -> None:
        """Note how the running task has ended.

        :param state: taskflow's word: SUCCESS or FAILURE
        """
        task = self._tasks[-1]
        task["state"] = state
        if state == "SUCCESS":
            task["progress"] = 1.0
        self._write()

    def _write(self) -> None:
        self._journal.notifications.update(self._notification, progress=tuple(self._tasks))

    def _build_note(self, message: str, progress: float) -> JsonDict:
        now = str(self._journal.clock.now())
        return {"timestamp": now, "progress": progress, "message": message}
