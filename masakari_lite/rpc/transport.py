"""The transport that all RPC goes by: [DEFAULT] transport_url."""

from typing import Any

import oslo_messaging
from oslo_config import cfg

TARGET_VERSION = "1.0"
_EXCEPTIONS = ["masakari_lite.exceptions"]


def get_transport(conf: cfg.ConfigOpts) -> Any:
    """Connect to the message broker; our own errors come through it as themselves."""
    return oslo_messaging.get_rpc_transport(conf, allowed_remote_exmods=_EXCEPTIONS)


def get_target(conf: cfg.ConfigOpts, server: str | None = None) -> Any:
    """Address the engines: all of a topic, or the one named ``server``."""
    return oslo_messaging.Target(topic=conf.masakari_topic, version=TARGET_VERSION, server=server)
