"""[DEFAULT]: the engine itself."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakari_lite.conf import emptiness

DEFAULT_CONNECTION = "sqlite:///$state_path/masakari.sqlite"

_OPTS = [
    cfg.StrOpt(
        "masakari_topic",
        default="ha_engine",
        help="The RPC topic that the engine listens on and that monitors send to. Change it only together "
        "with the monitors' setting.",
    ),
    cfg.StrOpt(
        "host",
        sample_default="<the machine's host name>",
        help="The name of this engine's RPC server, by which the broker names its queue. The machine's host "
        "name when not set.",
    ),
    cfg.StrOpt(
        "state_path",
        default="/var/lib/masakari",
        help="The directory for what the engine must remember: by default the journal's SQLite file is "
        "there. It must exist, be writable for the engine's user and survive a reboot.",
    ),
    cfg.IntOpt(
        "host_failure_recovery_threads",
        default=3,
        min=1,
        mutable=True,
        help="How many instances of a failed host are evacuated at once. 1 is one after the other; more "
        "threads bring instances back sooner and put more load on Nova and on the destination hosts, whose "
        "scheduling and image or volume traffic come together. More than the cloud's schedulers and "
        "conductors can serve bring nothing. A change takes effect with the next recovery.",
    ),
    cfg.IntOpt(
        "wait_period_after_service_update",
        default=180,
        min=0,
        mutable=True,
        help="The longest to wait, in seconds, until Nova reports the failed host's compute service down. "
        "The recovery continues as soon as it is; a notification whose host is still up after this time ends "
        "as 'error' and nothing is evacuated. Must exceed Nova's service_down_time (60 by default); with 0 "
        "Nova is asked once.",
    ),
    cfg.IntOpt(
        "wait_period_after_evacuation",
        default=90,
        min=1,
        mutable=True,
        help="The longest to wait, in seconds, until an accepted evacuation of one instance has ended. Make "
        "it longer where images are large and the storage is not shared; an evacuation that fails is "
        "noticed at once whatever this says.",
    ),
    cfg.FloatOpt(
        "verify_interval",
        default=1,
        min=0.01,
        mutable=True,
        help="Seconds between two polls of Nova while waiting for a service or for evacuations, at most. One "
        "poll serves all failed hosts. Evacuations are polled sooner, up to ten times a second, while "
        "Nova answers so quickly that all polls together take a twentieth of its time. Instances that have "
        "arrived are verified every 60 of these intervals, and when the last one of their host has arrived.",
    ),
    cfg.IntOpt(
        "wait_period_after_power_off",
        default=180,
        min=1,
        mutable=True,
        help="The longest to wait, in seconds, until an evacuated instance that was not running before is "
        "stopped again.",
    ),
    cfg.IntOpt(
        "wait_period_after_power_on",
        default=60,
        min=1,
        mutable=True,
        help="The longest to wait, in seconds, until an evacuated instance that was running before, but came "
        "back stopped, is started again.",
    ),
    cfg.IntOpt(
        "duplicate_notification_detection_interval",
        default=180,
        min=0,
        mutable=True,
        help="A notification equal in type, host and payload to one that is new or running and came less "
        "than this many seconds before is refused as its duplicate. 0 refuses none. One with the same "
        "generated_time, too, is the same one sent again, whatever this says: it is answered with what has "
        "become of the first.",
    ),
    cfg.IntOpt(
        "process_unfinished_notifications_interval",
        default=120,
        min=1,
        help="The longest pause, in seconds, between two polls of the journal for notifications on which "
        "an engine has still to act: new ones, 'error' ones whose retry is due, and running ones whose "
        "engine died. For the sake of the last, an engine polls twice in a [coordination] lease_time, "
        "whatever this says. Stale locks are released in this interval, too.",
    ),
    cfg.IntOpt(
        "retry_notification_new_status_interval",
        default=60,
        min=0,
        mutable=True,
        help="How many seconds a notification may be 'new' before an engine that did not receive it takes it "
        "up. Normally the one that did does so at once; this is for those whose engine died in between.",
    ),
    cfg.IntOpt(
        "check_expired_notifications_interval",
        default=600,
        min=1,
        help="Seconds between two checks for expired notifications.",
    ),
    cfg.IntOpt(
        "notifications_expired_interval",
        default=86400,
        min=1,
        mutable=True,
        help="A notification that is still 'new' or 'error' this many seconds after it came has expired: "
        "nobody recovers a host for it any more, and it ends as 'failed'. Its generated_time, which "
        "is by its sender's clock, does not matter.",
    ),
]
_OPTS = emptiness.unset_when_empty(_OPTS)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [DEFAULT]."""
    conf.register_opts(_OPTS)


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Return the options by group."""
    return [("DEFAULT", _OPTS)]
