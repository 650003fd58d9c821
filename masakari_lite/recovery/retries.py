"""Whether, and when, what failed is retried."""

import dataclasses
import datetime

from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.journal.clock import JournalClock

LONGEST_PAUSE = 600.0
"""Seconds."""

# a retry cannot help
_FINAL = (exceptions.EvacuationRefused, exceptions.HostReturned, exceptions.ComputeServiceNotFound)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is to become of something that has failed.

    :ivar retry_at: when it is retried (UTC, naive); None gives it up
    :ivar message: what went wrong and what comes next, for the operator
    """

    retry_at: datetime.datetime | None
    message: str


def judge(
    conf: cfg.ConfigOpts, clock: JournalClock, error: Exception, attempts: int, is_counted: bool = True
) -> Verdict:
    """Decide about an instance's evacuation, or a host's recovery, that has failed.

    :param clock: by which it is told when that is retried
    :param attempts: how many attempts there were, this one included
    :param is_counted: whether it counts as an attempt; see ``is_counted()``
    """
    if isinstance(error, _FINAL):
        return Verdict(None, str(error))
    limit = conf.host_failure.evacuation_attempts
    if is_counted and attempts >= limit:
        return Verdict(None, f"{error} (given up after {attempts} attempts, evacuation_attempts)")
    at = clock.in_seconds(_find_pause(conf, attempts))
    reason = f"{error} (waiting for room)" if isinstance(error, exceptions.NoValidHost) else str(error)
    return Verdict(at, reason)


def is_counted(error: Exception) -> bool:
    """Return whether an error counts as an attempt: where nobody answered, nothing was attempted."""
    return not isinstance(error, exceptions.Retriable)


def describe(message: str, retry_at: datetime.datetime | None) -> str:
    """Join a message with the time of the retry, for an operator."""
    return f"{message}; retried at {retry_at:%Y-%m-%d %H:%M:%S} UTC" if retry_at else message


def _find_pause(conf: cfg.ConfigOpts, attempts: int) -> float:
    first: float = conf.host_failure.evacuation_retry_interval
    return min(first * 2.0 ** min(max(attempts - 1, 0), 20), LONGEST_PAUSE)
