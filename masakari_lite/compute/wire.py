"""Asking for leave at the last moment: right before the bytes of a request are sent.

Between the decision to send and the sending a connection may have to be made, which may take long, and the
process may be stopped and go on much later: what was allowed then need not be so now.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import urllib3.connection
import urllib3.connectionpool
from keystoneauth1 import session as ks_session

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

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Prepare the connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Prepare the connections by a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


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
