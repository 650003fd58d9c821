"""[coordination]: how several engines agree on who recovers which host."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

GROUP = "coordination"

_OPTS = [
    cfg.StrOpt(
        "backend_url",
        default="file://$state_path/claims",
        help="Where the engines keep their claims on hosts, as a URL of tooz. The default, a directory, "
        "serves all engines of one machine. Engines on several machines need a service that all of them "
        "reach, and a server database in [database] connection: redis://:PASSWORD@HOST:6379, "
        "etcd3+http://HOST:2379, zookeeper://HOST:2181 or mysql://USER:PASSWORD@HOST/DATABASE; each needs "
        "its driver (pip install 'masakari-lite[redis]', '[etcd]', '[zookeeper]').",
        secret=True,
    ),
    cfg.IntOpt(
        "lease_time",
        default=30,
        min=2,
        help="How many seconds a claim outlives its engine. When an engine dies, another goes on with its "
        "recoveries within twice this time; when it hangs, too, except where the claims are files, which "
        "last as long as their process. An engine that could not renew a claim for three "
        "quarters of this time lets go of it. Shorter takes over sooner; too short, and a short stall of the "
        "coordination service interrupts recoveries, which then go on. Must be the same for all engines. "
        "ZooKeeper must allow it (its maxSessionTimeout is 40 s by default).",
    ),
]


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [coordination]."""
    conf.register_opts(_OPTS, GROUP)


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Tell the options by group."""
    return [(GROUP, _OPTS)]
