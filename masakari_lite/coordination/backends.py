"""Where the claims are kept: by [coordination] backend_url, or where all engines of a journal see them."""

import logging
from typing import Any
from urllib import parse

import tooz
from oslo_config import cfg
from tooz import coordination

from masakari_lite import drivers, exceptions
from masakari_lite.coordination import filesystems, leases
from masakari_lite.coordination.database import DatabaseCoordinator
from masakari_lite.journal import connection

LOG = logging.getLogger(__name__)

JOURNAL = "journal"
# an answer that comes later than the next renewal is of no use
_RENEWALS = 4
# what one machine's engines share, and no other's
_LOCAL = ("file", "ipc")
_TESTED = "journal, file, redis, etcd3+http, etcd3+https, zookeeper, mysql"
_UNSAFE = {
    "postgresql": "its driver stops the whole engine while it waits, and a claim would outlive a machine "
    "that lost its power; leave backend_url unset, and the claims are in the journal's database",
    "zake": "it keeps the claims in the memory of one process, where no other engine sees them",
}


def find_url(conf: cfg.ConfigOpts) -> str:
    """Return where the claims are, as a URL: ``journal://`` is the journal's database."""
    chosen = conf.coordination.backend_url
    if chosen:
        return str(chosen)
    return f"file://{conf.state_path}/claims" if connection.is_file(conf) else f"{JOURNAL}://"


def find_scheme(conf: cfg.ConfigOpts) -> str:
    """Return what keeps the claims, in a word."""
    return parse.urlsplit(find_url(conf)).scheme


def describe(conf: cfg.ConfigOpts) -> str:
    """Describe to an operator where the claims are, and by which option."""
    if find_scheme(conf) == JOURNAL:
        return "the journal's database ([database] connection)"
    return f"{leases.hide_password(find_url(conf))} ([coordination] backend_url)"


def check(conf: cfg.ConfigOpts) -> None:
    """Make sure that engines which use the journal together see each other's claims.

    What the operator has chosen is used, and warned of where it is safe for one machine only.

    :raises ConfigurationError: when nothing is chosen, and the journal may be shared by engines of several
        machines that have nothing to keep their claims in
    """
    if not connection.is_file(conf):
        if find_scheme(conf) in _LOCAL:
            LOG.warning(
                "The journal is on a server, but [coordination] backend_url is on this machine: engines of "
                "other machines must not use the same journal. Leave backend_url unset to keep the claims in "
                "the journal's database"
            )
        return
    path = connection.find_file(conf) or conf.state_path
    kind = filesystems.find_network_filesystem(path)
    if kind and not conf.coordination.backend_url:
        raise exceptions.ConfigurationError(
            f"[database] connection: {path} is on a network file system ({kind}). Engines of several "
            "machines that use it would damage it, and recover the same host: use a database server. If only "
            f"engines of this machine use it, say so by [coordination] backend_url = file://{conf.state_path}/claims"
        )


def build(conf: cfg.ConfigOpts, engine_name: str) -> Any:
    """Build the coordinator that gives the locks; it connects when it is started.

    :param engine_name: unique to this run of this engine
    :raises ConfigurationError: when ``[coordination] backend_url`` cannot work
    """
    url, lease_time = find_url(conf), conf.coordination.lease_time
    limit = max(1, lease_time // _RENEWALS)
    scheme = find_scheme(conf)
    if scheme == JOURNAL:
        return DatabaseCoordinator(conf, engine_name, limit)
    if scheme in _UNSAFE:
        raise leases.refuse(url, _UNSAFE[scheme])
    if "lock_timeout=" in url:
        raise leases.refuse(url, "say lock_timeout as [coordination] lease_time")
    # a kazoo session is the lease itself
    session = lease_time if scheme in ("zookeeper", "kazoo") else limit
    try:
        coordinator = coordination.get_coordinator(
            url,
            engine_name.encode(),
            lock_timeout=str(lease_time),
            timeout=str(session),
            socket_timeout=str(limit),
            socket_connect_timeout=str(limit),
        )
    except ValueError as error:
        raise leases.refuse(url, "it is malformed") from error  # its text may have the password
    except (tooz.ToozError, RuntimeError, ImportError) as error:  # stevedore's is a RuntimeError
        advice = drivers.advise(error) or f"; what masakari-lite is tested with: {_TESTED}"
        raise leases.refuse(url, f"{error}{advice}") from error
    leases.limit_retries(coordinator)
    return coordinator
