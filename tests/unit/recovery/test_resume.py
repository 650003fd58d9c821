"""Where an evacuation resumes, by what the journal has of it: each case of status, step and attempts."""

import datetime
import itertools

import pytest

from masakari_lite.models import Step, VMove, VMoveStatus
from masakari_lite.recovery.resume import ResumePoint, find_lock_step, find_resume_point

STARTED = datetime.datetime(2026, 11, 27, 16)


def build(status, step, attempts=0, start_time=None, locked_by_us=False):
    return VMove(
        "notification",
        "instance",
        "name",
        "compute-1",
        "active",
        1,
        status=status,
        step=step,
        attempts=attempts,
        start_time=start_time,
        locked_by_us=locked_by_us,
    )


@pytest.mark.parametrize(
    ("vmove", "point"),
    [
        # never begun
        (build(VMoveStatus.PENDING, Step.PLANNED), ResumePoint(False, False, False, False, False)),
        # to be retried: an earlier attempt was given up
        (build(VMoveStatus.PENDING, Step.PLANNED, 1, STARTED), ResumePoint(False, False, True, False, False)),
        # begun, and left in each of its steps
        (build(VMoveStatus.ONGOING, Step.LOCK, 1, STARTED), ResumePoint(False, True, False, False, True)),
        (
            build(VMoveStatus.ONGOING, Step.RESET_STATE, 1, STARTED),
            ResumePoint(False, True, False, False, True),
        ),
        (build(VMoveStatus.ONGOING, Step.EVACUATE, 1, STARTED), ResumePoint(False, True, False, True, True)),
        (build(VMoveStatus.ONGOING, Step.RESTORE, 1, STARTED), ResumePoint(False, True, False, True, True)),
        (build(VMoveStatus.ONGOING, Step.EVACUATE, 2, STARTED), ResumePoint(False, True, True, True, True)),
        # arrived by its record, and not verified yet
        (build(VMoveStatus.ONGOING, Step.UNLOCK, 1, STARTED), ResumePoint(False, True, False, True, True)),
        # only the lock is left
        (
            build(VMoveStatus.SUCCEEDED, Step.UNLOCK, 1, STARTED, True),
            ResumePoint(True, False, True, False, True),
        ),
        (build(VMoveStatus.IGNORED, Step.DONE), ResumePoint(True, False, False, False, False)),
    ],
)
def test_each_case(vmove, point):
    assert find_resume_point(vmove) == point


@pytest.mark.parametrize(("status", "step"), [*itertools.product(VMoveStatus, Step)])
def test_in_every_combination(status, step):
    point = find_resume_point(build(status, step, 1, STARTED))
    assert point.is_completed == status.is_final
    assert not (point.is_completed and point.is_begun)
    assert not point.may_be_sent or point.may_be_late


@pytest.mark.parametrize("step", Step)
def test_the_lock_keeps_the_step_that_tells_of_a_request(step):
    found = find_lock_step(build(VMoveStatus.ONGOING, step))
    assert found is (step if step in (Step.EVACUATE, Step.RESTORE, Step.UNLOCK) else Step.LOCK)
