"""A small HTTP/1.1 server: one thread a connection, answers sent at once.

It works with the standard threads and sockets as well as with eventlet's, and parses no more than it needs: a
simulated Nova must not be what a measurement measures.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import traceback
import uuid
from collections.abc import Callable

from masakari_lite.simulator.application import answer_bytes
from masakari_lite.simulator.http import Request, Response

Handler = Callable[[Request], Response | None]

LARGEST_HEAD = 65536


class HttpServer:
    """Listens, and hands each request to a handler, which may return None to drop the connection."""

    def __init__(self, handler: Handler, host: str, port: int) -> None:
        self._handler = handler
        self._listener = socket.create_server((host, port), backlog=512)
        self.is_stopped = False
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        address, self.port = self._listener.getsockname()[:2]
        self.url = f"http://{address}:{self.port}"
        self._thread = threading.Thread(target=self._accept, name="simulator", daemon=True)

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close all connections and stop answering."""
        self.is_stopped = True
        # closing a socket does not wake who waits in accept() or recv() on it, shutting it down does
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
            # the client went away, or sent what is no HTTP: either way there is nobody to answer
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
            # a mistake of the simulator's own: shown whole, as it would be lost in a thread
            traceback.print_exc()
            response = Response(500, {"computeFault": {"code": 500, "message": traceback.format_exc()}})
        if response is None:
            connection.shutdown(socket.SHUT_RDWR)
            return False
        request_id = request.headers.get("x-openstack-request-id") or f"req-{uuid.uuid4()}"
        connection.sendall(answer_bytes(response, request_id, request.path.startswith("/compute")))
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
        if len(content) < length:  # the client went away in mid-request
            return None
        path, _mark, query = target.partition("?")
        return Request(method, path, query, headers, content, self.url)
