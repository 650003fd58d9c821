"""[coordination]: how several engines agree on who recovers which host."""

from collections.abc import Sequence
from typing import Any

from oslo_config import cfg

from masakari_lite.conf import emptiness

GROUP = "coordination"

_OPTS = [
    cfg.StrOpt(
        "backend_url",
        help="Where the engines keep their claims on hosts. When not set, it depends on [database] "
        "connection: with a database server, the claims are in the journal's database, for engines on any "
        "number of machines; with a SQLite file, they are files in $state_path/claims, for the engines of "
        "one machine. journal:// puts them in the journal's database in any case. Or a URL of tooz: "
        "redis://:PASSWORD@HOST:6379, etcd3+http://HOST:2379 or zookeeper://HOST:2181, each of which needs "
        "its driver (pip install 'masakari-lite[redis]', '[etcd]', '[zookeeper]'). file:///DIRECTORY is for "
        "the engines of one machine only, whatever the journal is. mysql://USER:PASSWORD@HOST/DATABASE uses "
        "GET_LOCK, which holds on one server only: do not use it with Galera or another cluster.",
        secret=True,
    ),
    cfg.IntOpt(
        "lease_time",
        default=30,
        min=2,
        help="How many seconds a claim outlives its engine. When an engine dies, another resumes its "
        "recoveries within twice this time; when it hangs, too, except where the claims are files, which "
        "last as long as their process. An engine that could not renew a claim for three "
        "quarters of this time lets go of it. Shorter takes over sooner; too short, and a short stall of the "
        "coordination service interrupts recoveries, which are resumed then. An engine's claims "
        "last for its own lease_time, so that engines may differ in it. "
        "ZooKeeper must allow it (its maxSessionTimeout is 40 s by default).",
    ),
]
_OPTS = emptiness.unset_when_empty(_OPTS)


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [coordination]."""
    conf.register_opts(_OPTS, GROUP)


def list_opts() -> list[tuple[str, Sequence[Any]]]:
    """Return the options by group."""
    return [(GROUP, _OPTS)]
