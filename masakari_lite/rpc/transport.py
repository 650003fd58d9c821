"""The transport that all RPC goes by: [DEFAULT] transport_url."""

import socket
from typing import Any

import oslo_messaging
from oslo_config import cfg

from masakari_lite import exceptions

# what the engine answers; 1.1 added get_health
TARGET_VERSION = "1.1"
# what clients ask for, unless the method is newer: an older engine answers it too
_OLDEST_VERSION = "1.0"
_EXCEPTIONS = ["masakari_lite.exceptions"]


def get_transport(conf: cfg.ConfigOpts) -> Any:
    """Prepare the connection to the message broker; our own errors come through it as themselves.

    :raises ConfigurationError: when [DEFAULT] transport_url names no transport that there is
    """
    try:
        return oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=_EXCEPTIONS)
    except (oslo_messaging.DriverLoadFailure, oslo_messaging.InvalidTransportURL, ValueError) as error:
        raise exceptions.ConfigurationError(f"[DEFAULT] transport_url: {error}") from error


def get_target(conf: cfg.ConfigOpts, server: str | None = None) -> Any:
    """Address the engines: all of a topic, or the one named ``server``."""
    return oslo_messaging.Target(topic=conf.masakari_topic, version=_OLDEST_VERSION, server=server)


def get_server_name(conf: cfg.ConfigOpts) -> str:
    """Tell the name by which the engine of this machine and configuration is addressed alone."""
    return str(conf.host or socket.gethostname())
