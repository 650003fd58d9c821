"""Notifying systemd of the state of the engine: sd_notify(3), without its library."""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator, MutableMapping

LOG = logging.getLogger(__name__)

_PATIENCE = 1.0


class Notifier:
    """Notifies systemd; without a NOTIFY_SOCKET it does nothing.

    oslo.service's own helper can only report that a service is ready, and does so before anything listens.
    """

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        """Say nothing yet.

        :param address: the path of a datagram socket, or the name of an abstract one after "@"
        :param watchdog: how many seconds may pass between two signs of life; None when nobody watches
        """
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = watchdog
        self._is_ready = False
        self._is_stopping = False
        self._status = ""

    def set_status(self, text: str) -> None:
        """Set the status text; the same text is not sent twice."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def tell_ready(self) -> None:
        """Say that the engine serves."""
        self._is_ready = True
        if not self._is_stopping:
            self._send("READY=1")

    def tell_stopping(self) -> None:
        """Say that the engine has begun to end."""
        self._is_stopping = True
        self._send("STOPPING=1")

    @contextlib.contextmanager
    def reloading(self) -> Iterator[None]:
        """Say that the configuration is read again, and afterwards that it was."""
        if not self._is_ready or self._is_stopping:
            yield
            return
        # Type=notify-reload wants to know since when
        self._send(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self._send("READY=1")

    def beat(self, extension: float) -> None:
        """Send a heartbeat.

        :param extension: seconds by which systemd is asked to wait longer while the engine starts or stops:
            how long that takes is up to the broker and to graceful_shutdown_timeout
        """
        lines = ["WATCHDOG=1"] if self.watchdog else []
        if self._is_stopping or not self._is_ready:
            lines.append(f"EXTEND_TIMEOUT_USEC={int(extension * 1e6)}")
        if lines:
            self._send("\n".join(lines))

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(_PATIENCE)
                channel.sendto(message.encode(), self._address)
        except OSError as error:
            LOG.debug("systemd was not notified of %r: %s", message, error)


def build_notifier(environ: MutableMapping[str, str] = os.environ) -> Notifier:
    """Make a notifier of what systemd left in the environment, and remove that from there."""
    address = environ.pop("NOTIFY_SOCKET", "")
    interval = environ.pop("WATCHDOG_USEC", "")
    watched = environ.pop("WATCHDOG_PID", str(os.getpid()))
    if not address.startswith(("/", "@")):
        return Notifier()
    is_watched = interval.isdecimal() and int(interval) and watched == str(os.getpid())
    return Notifier(address, int(interval) / 1e6 if is_watched else None)
