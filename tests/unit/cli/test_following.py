"""Following a notification."""

from typing import Any

from masakari_lite.cli import following
from masakari_lite.cli.errors import NoAnswer


class Script:
    """An engine that answers as written: a status and the step of one move at a time, or an error."""

    def __init__(self, *answers: tuple[str, str] | Exception) -> None:
        self._answers = list(answers)
        self._step = ""
        self.pauses: list[float] = []

    def get_notification(self, notification_uuid: str) -> dict[str, Any]:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, self._step = answer
        return {"status": status}

    def list_vmoves(self, notification_uuid: str) -> list[dict[str, Any]]:
        status = "succeeded" if self._step in ("unlock", "done") else "ongoing"
        return [{"instance_uuid": "a", "status": status, "step": self._step, "message": ""}]


def test_until_the_end() -> None:
    engine = Script(("running", "lock"), ("running", "lock"), ("finished", "done"))
    snapshots = list(following.follow(engine, "uuid", 10, pause=engine.pauses.append))
    assert [len(snapshot.changed) for snapshot in snapshots] == [1, 0, 1]
    assert [snapshot.ended for snapshot in snapshots] == [0, 0, 1]
    assert snapshots[-1].is_final
    assert engine.pauses == [following.INTERVAL] * 2


def test_what_reads_the_same_is_shown_once() -> None:
    engine = Script(("running", "lock"), ("running", "unlock"), ("finished", "done"))
    snapshots = list(following.follow(engine, "uuid", 10, pause=engine.pauses.append))
    assert [len(snapshot.changed) for snapshot in snapshots] == [1, 1, 0]


def test_an_engine_that_is_unreachable_is_asked_again() -> None:
    engine = Script(("running", "lock"), NoAnswer("no engine"), ("finished", "done"))
    complaints: list[str] = []
    snapshots = list(
        following.follow(engine, "uuid", 10, pause=engine.pauses.append, complain=complaints.append)
    )
    assert complaints == ["no engine"]
    assert snapshots[-1].is_final


def test_the_limit() -> None:
    snapshots = list(following.follow(Script(("running", "lock")), "uuid", 0))
    assert [snapshot.is_final for snapshot in snapshots] == [False]


def test_words() -> None:
    move = {"status": "ongoing", "step": "unlock", "message": ""}
    assert following.describe(move) == "is being unlocked"
    assert following.describe(move | {"step": "unheard-of"}) == "unheard-of"
    assert following.describe(move | {"status": "pending"}) == "waits"
    assert following.describe(move | {"status": "failed", "message": "why"}) == "failed, why"
    assert following.describe(move | {"status": "ignored"}) == "ignored"
