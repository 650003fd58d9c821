"""The engine's RPC server. The only place that names an executor."""

from typing import Any

import oslo_messaging
from oslo_config import cfg

from masakari_lite.rpc import transport

# under monkey-patching its threads are green, and it is the executor that does not depend on eventlet
_EXECUTOR = "threading"


def build_server(conf: cfg.ConfigOpts, connection: Any, endpoint: object) -> Any:
    """Build the server that hands requests on the topic to the endpoint; start() and stop() it.

    :param connection: what ``transport.get_transport()`` returned
    """
    return oslo_messaging.get_rpc_server(
        connection,
        transport.get_target(conf, server=transport.get_server_name(conf)),
        [endpoint],
        executor=_EXECUTOR,
        access_policy=oslo_messaging.DefaultRPCAccessPolicy,
    )
