"""A small HTTP/1.1 server with a thread for each connection.

It works with the standard threads and sockets as well as with eventlet's, and parses no more than it needs,
so that its own cost stays small in measurements of the engine.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
import uuid
from collections.abc import Callable

from masakari_lite_simulator.http import Request, Response, encode

Handler = Callable[[Request], Response | None]

LARGEST_HEAD = 65536


class HttpServer:
    """Listens, and passes each request to a handler, which may return None to drop the connection."""

    def __init__(
        self, handler: Handler, host: str, port: int, base_url: str | None = None, prefix: str = ""
    ) -> None:
        """Listen.

        :param host: a name or an address, of IPv6 too
        :param base_url: the URL of the server with all services, when this one is for one of them
        :param prefix: what is added before each request's path then
        """
        self._handler = handler
        self._prefix = prefix
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), backlog=512, family=family)
        self.is_stopped = False
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        address, self.port = self._listener.getsockname()[:2]
        self.url = f"http://[{address}]:{self.port}" if ":" in address else f"http://{address}:{self.port}"
        self._base_url = base_url or self.url
        self._thread = threading.Thread(target=self._accept, name="simulator", daemon=True)

    def start(self) -> None:
        """Begin to accept connections."""
        self._thread.start()

    def stop(self) -> None:
        """Close all connections and stop accepting new ones."""
        self.is_stopped = True
        # close() does not wake a thread that waits in accept() or recv() on the socket, shutdown() does
        with self._lock:
            waiting = [self._listener, *self._connections]
        for sock in waiting:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=5)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="simulator-request", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection, connection.makefile("rb") as stream:
                while self._serve_one(connection, stream.readline, stream.read):
                    pass
        except (OSError, ValueError):
            # the client closed the connection or sent something that is not HTTP: nothing can be answered
            return
        finally:
            with self._lock:
                self._connections.discard(connection)

    def _serve_one(
        self, connection: socket.socket, readline: Callable[[int], bytes], read: Callable[[int], bytes]
    ) -> bool:
        request = self._read(readline, read)
        if request is None:
            return False
        try:
            response = self._handler(request)
        except Exception:  # noqa: BLE001
            # a bug of the simulator: logged here, as the thread would lose it
            traceback.print_exc()
            response = Response(500, {"computeFault": {"code": 500, "message": traceback.format_exc()}})
        if response is None:
            connection.shutdown(socket.SHUT_RDWR)
            return False
        request_id = request.headers.get("x-openstack-request-id") or f"req-{uuid.uuid4()}"
        connection.sendall(encode(response, request_id, request.path.startswith("/compute")))
        return request.headers.get("connection", "").lower() != "close"

    def _read(self, readline: Callable[[int], bytes], read: Callable[[int], bytes]) -> Request | None:
        first = readline(LARGEST_HEAD)
        if not first.strip():
            return None
        method, target, _protocol = first.decode("latin-1").split()
        headers = {}
        while line := readline(LARGEST_HEAD).strip():
            name, _colon, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        content = read(length)
        if len(content) < length:  # the client closed the connection before the end of the request
            return None
        path, _mark, query = target.partition("?")
        path = self._prefix + path
        return Request(method, path, query, headers, content, self._base_url, self.url, self._prefix)
