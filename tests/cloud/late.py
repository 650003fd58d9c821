"""A Keystone that answers late: a door in front of the real one, where its answers wait."""

import contextlib
import socket
import socketserver
import threading
import time
import urllib.parse
from collections.abc import Iterator


@contextlib.contextmanager
def late_keystone(auth_url: str, delay: float) -> Iterator[str]:
    """Hand out the URL of a Keystone whose answers come some seconds later than those of the real one.

    Keystone's links lead through the door too: it makes them of the address that it was asked by.
    """
    url = urllib.parse.urlsplit(auth_url)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Door) as door:
        door.daemon_threads = True
        door.address = (url.hostname, url.port)  # type: ignore[attr-defined]
        door.delay = delay  # type: ignore[attr-defined]
        threading.Thread(target=door.serve_forever, args=(0.1,), daemon=True).start()
        try:
            yield url._replace(netloc=f"127.0.0.1:{door.server_address[1]}").geturl()
        finally:
            door.shutdown()


class _Door(socketserver.BaseRequestHandler):
    """One client's connection: what is asked goes on at once, what is answered waits."""

    def handle(self) -> None:
        with socket.create_connection(self.server.address) as keystone:  # type: ignore[attr-defined]
            asking = threading.Thread(target=_pass_on, args=(self.request, keystone, 0), daemon=True)
            asking.start()
            _pass_on(keystone, self.request, self.server.delay)  # type: ignore[attr-defined]


def _pass_on(source: socket.socket, target: socket.socket, delay: float) -> None:
    """Hand on what comes until no more does; a client that has lost its patience is no error."""
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 20):
            time.sleep(delay)
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
