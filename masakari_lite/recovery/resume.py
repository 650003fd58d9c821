"""Where the evacuation of an instance resumes, by what the journal has of it."""

import dataclasses

from masakari_lite.models import Step, VMove, VMoveStatus

# with these, an evacuate request may have been sent
_SENT = (Step.EVACUATE, Step.RESTORE, Step.UNLOCK)


@dataclasses.dataclass(frozen=True)
class ResumePoint:
    """What an earlier run, of this engine or of another, may have done.

    :ivar is_completed: nothing is to be done but to remove our lock
    :ivar is_begun: this attempt was begun, and is resumed
    :ivar was_attempted: there was an attempt before this one, given up; its evacuation may have arrived since
    :ivar may_be_sent: an evacuate request may be on its way of which only the journal knows
    :ivar may_be_late: a request may be carried out of which nobody has seen the answer
    """

    is_completed: bool
    is_begun: bool
    was_attempted: bool
    may_be_sent: bool
    may_be_late: bool


def find_resume_point(vmove: VMove) -> ResumePoint:
    """Return where the evacuation of an instance resumes.

    :param vmove: as the journal has it
    """
    is_begun = vmove.status is VMoveStatus.ONGOING
    return ResumePoint(
        is_completed=vmove.status.is_final,
        is_begun=is_begun,
        was_attempted=vmove.attempts > 1 if is_begun else vmove.start_time is not None,
        may_be_sent=is_begun and vmove.step in _SENT,
        may_be_late=is_begun or vmove.locked_by_us,
    )


def find_lock_step(vmove: VMove) -> Step:
    """Return the step to be written before the lock; one that shows an evacuate request is kept."""
    return vmove.step if vmove.step in _SENT else Step.LOCK
