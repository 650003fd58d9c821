"""Waiting for a condition, with a limit."""

import time
from collections.abc import Callable
from typing import TypeVar

from masakari_lite import exceptions

T = TypeVar("T")


def wait_until(predicate: Callable[[], T | None], interval: float, timeout: float, what: str) -> T:
    """Ask until the answer is true.

    :param predicate: asked at once and then every interval; its first true value ends the waiting
    :param interval: seconds between two questions
    :param timeout: the longest to wait, in seconds; asked once more when it has passed
    :param what: what is waited for, for the error's message
    :returns: the true value
    :raises WaitTimeout: when the limit has passed
    """
    deadline = time.monotonic() + timeout
    while True:
        expired = time.monotonic() >= deadline
        if answer := predicate():
            return answer
        if expired:
            raise exceptions.WaitTimeout(f"{what}: not within {timeout:g} s")
        time.sleep(max(0, min(interval, deadline - time.monotonic())))
