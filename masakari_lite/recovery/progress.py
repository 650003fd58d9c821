"""How far a recovery is, task by task, kept in the journal for whoever asks."""

from oslo_utils import timeutils

from masakari_lite.journal.store import Journal
from masakari_lite.models import JsonDict, Notification


class ProgressLog:
    """The workflow details of one notification, in the shape that Masakari's API shows them.

    Only the thread that runs the flow may write: the entries of a task's pool come to it one by one.
    """

    def __init__(self, journal: Journal, notification: Notification) -> None:
        self._journal = journal
        self._notification = notification
        self._tasks: list[JsonDict] = []

    def begin(self, task: str) -> None:
        """Note that a task has begun."""
        self._tasks.append({"name": task, "state": "RUNNING", "progress": 0.0, "progress_details": []})
        self._write()

    def say(self, message: str, progress: float) -> None:
        """Note what the running task has just done.

        :param progress: the share of the task that is done, 0 to 1
        """
        task = self._tasks[-1]
        task["progress"] = round(progress, 4)
        task["progress_details"].append(
            {"timestamp": str(timeutils.utcnow()), "progress": task["progress"], "message": message}
        )
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
        self._journal.update_notification(self._notification, progress=tuple(self._tasks))
