"""Sending requests only while the claim on their host is held, up to the last moment.

Between the decision to send and the sending a connection may have to be made, which may take long, and the
process may be stopped and resumed much later: what was allowed then need not be so now. So the guard is asked
right before the bytes are handed to the kernel.

The kernel sends bytes again for a quarter of an hour while the network loses them, though the claim has ended
long before. So it gives up a connection that acknowledges nothing for a fifth of a lease, less than
what a claim lasts after it was last asked (TCP_USER_TIMEOUT of tcp(7); measured: 7.96 s for 7.5 s).
"""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import urllib3.connection
import urllib3.connectionpool
from keystoneauth1 import session as ks_session

_NO_DELAY = urllib3.connection.HTTPConnection.default_socket_options

_thread = threading.local()


@contextlib.contextmanager
def guarded_by(guard: Callable[[], None]) -> Iterator[None]:
    """Have this thread ask before whatever it sends through a GuardedAdapter.

    :param guard: what it raises is raised instead of sending
    """
    _thread.guard = guard
    try:
        yield
    finally:
        del _thread.guard


class GuardedAdapter(ks_session.TCPKeepAliveAdapter):
    """Sends as keystoneauth's own does, and asks before it sends."""

    def __init__(self, send_timeout: float, **kwargs: Any) -> None:
        """Prepare.

        :param send_timeout: seconds within which the other side must acknowledge what was sent
        """
        self._send_timeout = send_timeout
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Prepare the connections."""
        super().init_poolmanager(*args, **kwargs)
        self._prepare(self.poolmanager)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare the connections by a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        self._prepare(manager)
        return manager

    def _prepare(self, manager: Any) -> None:
        manager.pool_classes_by_scheme = _POOLS
        options = manager.connection_pool_kw.get("socket_options") or _NO_DELAY
        limit = (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, max(1, int(self._send_timeout * 1000)))
        if limit not in options:  # requests keeps its manager for each proxy
            manager.connection_pool_kw["socket_options"] = [*options, limit]


def _ask(connection: urllib3.connection.HTTPConnection) -> None:
    if connection.sock is None:
        connection.connect()
    guard = getattr(_thread, "guard", None)
    if guard:
        guard()


class _HTTPConnection(urllib3.connection.HTTPConnection):
    def send(self, data: Any) -> None:
        _ask(self)
        super().send(data)


class _HTTPSConnection(urllib3.connection.HTTPSConnection):
    def send(self, data: Any) -> None:
        _ask(self)
        super().send(data)


class _HTTPConnectionPool(urllib3.connectionpool.HTTPConnectionPool):
    ConnectionCls = _HTTPConnection


class _HTTPSConnectionPool(urllib3.connectionpool.HTTPSConnectionPool):
    ConnectionCls = _HTTPSConnection


_POOLS = {"http": _HTTPConnectionPool, "https": _HTTPSConnectionPool}
