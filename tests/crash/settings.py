"""The configuration of the engines of one run."""

import pathlib
import random
from typing import Any

from tests.harness import settings


def write(directory: pathlib.Path, auth_url: str, seed: int) -> pathlib.Path:
    """Write a configuration file; returns its path.

    :param directory: the engine's state_path
    :param seed: what some options are drawn from; 0 draws nothing
    """
    default: dict[str, Any] = {
        "transport_url": "fake:/",
        "state_path": directory,
        "verify_interval": 0.05,
        "wait_period_after_evacuation": 2,
        "process_unfinished_notifications_interval": 1,
    }
    host_failure: dict[str, Any] = {"evacuation_retry_interval": 0.3}
    if seed:
        chance = random.Random(f"engine {seed}")
        default["host_failure_recovery_threads"] = chance.choice([1, 3, 6])
        host_failure["force_down"] = chance.choice([True, False])
    # after a crash so long is waited for an evacuation that may not have been sent
    nova = {"auth_url": auth_url, "late_request_period": 2, **settings.NOVA_AUTH}
    groups = {"DEFAULT": default, "host_failure": host_failure, "nova": nova}
    return settings.write(directory / "engine.conf", groups)
