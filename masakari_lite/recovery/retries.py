"""Whether, and when, what failed is tried again."""

import dataclasses
import datetime
import re

from oslo_config import cfg
from oslo_utils import timeutils

from masakari_lite import exceptions

LONGEST_PAUSE = 600.0
"""Seconds."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What is to become of something that has failed.

    :ivar retry_at: when it is tried again (UTC, naive); None gives it up
    :ivar message: what went wrong and what comes next, for the operator
    """

    retry_at: datetime.datetime | None
    message: str


def judge(conf: cfg.ConfigOpts, error: Exception, attempts: int, is_counted: bool = True) -> Verdict:
    """Decide about an instance's move, or a host's recovery, that has ended with an error.

    :param attempts: how many tries there were, this one included
    :param is_counted: whether it counts as a try; see ``is_counted()``
    """
    if isinstance(error, exceptions.EvacuationRefused | exceptions.HostReturned):
        return Verdict(None, str(error))
    limit = conf.host_failure.evacuation_attempts
    if is_counted and attempts >= limit:
        return Verdict(None, f"{error} (given up after {attempts} tries, evacuation_attempts)")
    at = timeutils.utcnow() + datetime.timedelta(seconds=_find_pause(conf, attempts))
    reason = f"{error} (waiting for room)" if isinstance(error, exceptions.NoValidHost) else str(error)
    return Verdict(at, reason)


def is_counted(error: Exception) -> bool:
    """Tell whether an error makes a try of it: where nobody answered nobody was asked, in effect."""
    return not isinstance(error, exceptions.Retriable)


def describe(retry_at: datetime.datetime) -> str:
    """Tell an operator when something is tried again."""
    return f"tried again at {retry_at:%Y-%m-%d %H:%M:%S} UTC"


def without_time(message: str) -> str:
    """Take out of a message what ``describe()`` has put in: nothing is tried again any more."""
    return _AGAIN.sub("", message)


_AGAIN = re.compile(r"[,;] tried again at [0-9: -]+ UTC")


def _find_pause(conf: cfg.ConfigOpts, attempts: int) -> float:
    first: float = conf.host_failure.evacuation_retry_interval
    return min(first * 2.0 ** min(max(attempts - 1, 0), 20), LONGEST_PAUSE)
