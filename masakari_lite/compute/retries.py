"""Repeating a request that may safely be repeated, with back-off and jitter."""

import logging
from collections.abc import Callable
from typing import TypeVar

import tenacity

from masakari_lite import exceptions

LOG = logging.getLogger(__name__)
T = TypeVar("T")

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# an instance waits meanwhile, locked
LONGEST_ASKED_PAUSE = 60.0


def repeat(
    request: Callable[[], T],
    is_passing: Callable[[BaseException], bool],
    period: float | None,
    is_stopping: Callable[[], bool] = lambda: False,
) -> T:
    """Send a request until it is answered.

    :param is_passing: tells whether to send it again after an error
    :param period: for how many seconds; None repeats without end
    :param is_stopping: asked between two requests; true ends the repetition with the last error
    :returns: the answer
    :raises Exception: the last error when the period is over
    """

    def is_over(state: tenacity.RetryCallState) -> bool:
        waited = state.seconds_since_start or 0.0
        return is_stopping() or (period is not None and waited >= period)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(is_passing),
        wait=_pause,
        stop=is_over,
        before_sleep=_log_once,
        reraise=True,
    )
    return retrying(request)


_growing = tenacity.wait_exponential(FIRST_PAUSE, LONGEST_PAUSE) + tenacity.wait_random(0, FIRST_PAUSE)


def _pause(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, exceptions.NovaUnavailable) else 0
    return max(min(asked, LONGEST_ASKED_PAUSE), _growing(state))


def _log_once(state: tenacity.RetryCallState) -> None:
    if state.attempt_number == 1 and state.outcome:
        LOG.warning("%s; repeating the request", state.outcome.exception())
