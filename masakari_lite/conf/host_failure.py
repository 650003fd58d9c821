"""[host_failure]: what is done about a failed compute host."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakari_lite.conf import emptiness

GROUP = "host_failure"

_OPTS = [
    cfg.BoolOpt(
        "evacuate_all_instances",
        default=True,
        mutable=True,
        help="Whether all instances of a failed host are evacuated, those with the HA metadata first, or "
        "only those with it.",
    ),
    cfg.StrOpt(
        "ha_enabled_instance_metadata_key",
        default="HA_Enabled",
        mutable=True,
        help="The metadata key that marks an instance as to be recovered first (or at all, when "
        "evacuate_all_instances is false). The key must be spelled exactly so; its value may be true, t, "
        "yes, y, on or 1, in any case. What looks like a mistake is logged, and is in the message of a vmove "
        "that is ignored for it.",
    ),
    cfg.BoolOpt(
        "ignore_instances_in_error_state",
        default=False,
        mutable=True,
        help="Whether instances that were in vm_state 'error' before the host failed stay where they are. "
        "When false they are evacuated and are in 'error' afterwards too.",
    ),
    cfg.StrOpt(
        "service_disable_reason",
        default="Disabled by masakari-lite: the host failed",
        max_length=255,
        mutable=True,
        help="What Nova shows as the reason for the failed host's disabled compute service; 255 characters "
        "at most.",
    ),
    cfg.BoolOpt(
        "force_down",
        default=False,
        mutable=True,
        help="Whether the failed host's compute service is forced down instead of waiting until Nova notices "
        "(its service_down_time, 60 s by default). Set it only where the monitor fences a host before it "
        "notifies: a host that is forced down though its guests still run gets every guest started twice.",
    ),
    cfg.IntOpt(
        "evacuation_attempts",
        default=5,
        min=1,
        mutable=True,
        help="How many times the evacuation of an instance, or the recovery of a host that Nova still "
        "reports up, is attempted before it is given up and the notification is 'failed'. While there are "
        "attempts left it is 'error'. Attempts that Nova or Keystone did not answer are not counted. 1 never "
        "retries.",
    ),
    cfg.FloatOpt(
        "evacuation_retry_interval",
        default=60,
        min=0,
        mutable=True,
        help="Seconds between the first try of what failed and the second; each further pause is twice as "
        "long, 600 at most. The instance is unlocked meanwhile. Longer gives more time to make room for "
        "instances that found no valid host.",
    ),
]
_OPTS = emptiness.unset_when_empty(_OPTS)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [host_failure]."""
    conf.register_opts(_OPTS, GROUP)


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Return the options by group."""
    return [(GROUP, _OPTS)]
