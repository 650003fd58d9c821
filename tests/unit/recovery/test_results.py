"""What a recovery's moves make of its notification."""

import datetime

import pytest

from masakari_lite.models import NotificationStatus, VMove, VMoveStatus
from masakari_lite.recovery import results

EARLY = datetime.datetime(2026, 2, 28, 23, 59, 59)
LATE = EARLY + datetime.timedelta(minutes=8)


def build(*moves):
    """Make moves of (status, retry_at, message), where the last two may be left away."""
    return [
        VMove(
            notification_uuid="notification",
            instance_uuid=f"instance-{number}",
            instance_name="guest",
            source_host="compute-1",
            vm_state="active",
            power_state=1,
            status=VMoveStatus(move[0]),
            retry_at=move[1] if len(move) > 1 else None,
            message=move[2] if len(move) > 2 else "",
        )
        for number, move in enumerate(moves)
    ]


@pytest.mark.parametrize(
    ("moves", "status", "retry_at", "message"),
    [
        ([], "finished", None, "no instance to evacuate"),
        ([("succeeded",)], "finished", None, "1 succeeded"),
        ([("ignored",), ("succeeded",), ("ignored",)], "finished", None, "1 succeeded, 2 ignored"),
        ([("ignored", None, "deleted")], "finished", None, "1 ignored"),
        ([("failed", None, "no luck")], "failed", None, "1 failed; instance-0: no luck"),
        (
            [("failed", EARLY, "no luck")],
            "error",
            EARLY,
            "1 failed; instance-0: no luck",
        ),
        (
            [("failed", LATE, "a"), ("succeeded",), ("failed", None, "b"), ("failed", EARLY, "c")],
            "error",
            EARLY,
            "1 succeeded, 3 failed; instance-0: a; instance-2: b; instance-3: c",
        ),
        (
            [("failed", None, "a"), ("failed", None, "b")],
            "failed",
            None,
            "2 failed; instance-0: a; instance-1: b",
        ),
        # neither happens, and neither may pass for success
        ([("pending",)], "failed", None, "1 pending; instance-0: lost"),
        ([("ongoing",), ("succeeded",)], "failed", None, "1 ongoing, 1 succeeded; instance-0: lost"),
        # what has succeeded is not tried again, whatever its row says
        (
            [("succeeded", EARLY), ("failed", LATE, "a")],
            "error",
            LATE,
            "1 succeeded, 1 failed; instance-1: a",
        ),
        ([("succeeded", EARLY), ("ignored", EARLY)], "finished", None, "1 succeeded, 1 ignored"),
    ],
)
def test_each_outcome(moves, status, retry_at, message):
    reason = "instances_failed" if status in ("error", "failed") else "recovered" if moves else "no_instances"
    expected = results.Result(NotificationStatus(status), reason, message, retry_at)
    assert results.summarize(build(*moves)) == expected


@pytest.mark.parametrize(
    ("count", "rest"), [(10, None), (11, "and 1 more, see its vmoves"), (500, "and 490 more")]
)
def test_a_message_names_ten_at_most(count, rest):
    message = results.summarize(build(*[("failed", None, "no luck")] * count)).message
    assert message.startswith(f"{count} failed; instance-0: no luck; ")
    assert message.count("no luck") == 10
    assert message.count("more") == (1 if rest else 0)
    assert (rest or "") in message
