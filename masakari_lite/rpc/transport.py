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
_EXAMPLE = "rabbit://USER:PASSWORD@HOST:5672/VHOST"


def get_transport(conf: cfg.ConfigOpts) -> Any:
    """Prepare the connection to the message broker; our own errors come through it as themselves.

    :raises ConfigurationError: when [DEFAULT] transport_url names no transport that there is
    """
    try:
        return oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=_EXCEPTIONS)
    except oslo_messaging.InvalidTransportURL as error:
        raise _refuse(f"{error}; it is like {_EXAMPLE}") from error
    except ValueError as error:  # its text may be a part of the password
        raise _refuse(f"it is malformed; it is like {_EXAMPLE}, each special character as %XX") from error
    except (oslo_messaging.DriverLoadFailure, ImportError) as error:
        raise _refuse(f"{error}; masakari-lite's RPC goes by RabbitMQ: {_EXAMPLE}") from error


def _refuse(cause: str) -> exceptions.ConfigurationError:
    return exceptions.ConfigurationError(f"[DEFAULT] transport_url: {cause}")


def get_target(conf: cfg.ConfigOpts, server: str | None = None) -> Any:
    """Address the engines: all of a topic, or the one named ``server``."""
    return oslo_messaging.Target(topic=conf.masakari_topic, version=_OLDEST_VERSION, server=server)


def get_server_name(conf: cfg.ConfigOpts) -> str:
    """Return the name by which the engine of this machine and configuration is addressed alone."""
    return str(conf.host or socket.gethostname())
