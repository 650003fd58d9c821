"""The engine by RPC, with a limit on everything and errors that an operator can act on."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import oslo_messaging
from oslo_config import cfg

from masakari_lite import conf as options
from masakari_lite import exceptions
from masakari_lite.cli.errors import CommandError, NoAnswer
from masakari_lite.models import JsonDict
from masakari_lite.rpc import broker_errors
from masakari_lite.rpc.client import EngineAPI

_PROG = "masakari-lite"
_DEFAULT_PORTS = {"rabbit": 5672, "amqp": 5672}
_CONNECT_TIMEOUT = 5.0
# how much longer than its own time limit a call may take to give up
_MARGIN = 2.0


class Connection(EngineAPI):
    """EngineAPI, whose errors are all MasakariLiteErrors with one line of text."""

    def __init__(self, conf: cfg.ConfigOpts, timeout: float) -> None:
        """Connect.

        :param timeout: seconds until an answer is given up
        :raises CommandError: when the configuration can't be used or the broker can't be reached
        """
        self._conf = conf
        self._timeout = timeout
        with self._translated():
            self.transport_name = describe_transport(conf)
            self._check_broker()
            super().__init__(conf, timeout=timeout)

    def _send(self, client: Any, method: str, arguments: JsonDict) -> JsonDict:
        with self._translated():
            return self._send_in_time(client, method, arguments)

    def _send_in_time(self, client: Any, method: str, arguments: JsonDict) -> JsonDict:
        """Call in a thread: while the broker refuses us, oslo.messaging tries again without an end."""
        answers: list[JsonDict] = []
        errors: list[Exception] = []

        def call() -> None:
            try:
                answers.append(super(Connection, self)._send(client, method, arguments))
            except Exception as error:  # noqa: BLE001 - raised again by the caller's thread
                errors.append(error)

        thread = threading.Thread(target=call, daemon=True)
        thread.start()
        thread.join(self._timeout + _MARGIN)
        if errors:
            raise errors[0]
        if not answers:
            raise CommandError(
                f"the message broker at {self.transport_name} does not let us in: check the user, password "
                "and virtual host in [DEFAULT] transport_url, and the broker's log"
            )
        return answers[0]

    def _check_broker(self) -> None:
        """Find out at once when nobody listens at the broker's address.

        :raises CommandError: when none of the broker's hosts can be reached
        """
        reasons = []
        for address in _find_addresses(self._conf):
            try:
                socket.create_connection(address, min(self._timeout, _CONNECT_TIMEOUT)).close()
            except OSError as error:
                reasons.append(f"{address[0]}:{address[1]}: {error.strerror or error}")
            else:
                return
        if reasons:
            raise CommandError(
                f"the message broker at {self.transport_name} can't be reached ({'; '.join(reasons)}): check "
                "that it runs, and [DEFAULT] transport_url"
            )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except oslo_messaging.MessagingTimeout as error:
            raise NoAnswer(self._describe_silence()) from error
        except oslo_messaging.MessageDeliveryFailure as error:
            raise CommandError(
                f"the message broker at {self.transport_name} did not take the message: "
                f"{broker_errors.explain(_first_line(error))}"
            ) from error
        except oslo_messaging.RemoteError as error:
            raise CommandError(f"the engine failed with {error.exc_type}: {error.value}") from error
        except exceptions.MasakariLiteError as error:
            # one that came over the wire has the engine's traceback in its text
            raise CommandError(_first_line(error)) from error
        except (oslo_messaging.MessagingException, cfg.Error) as error:
            raise CommandError(f"the configuration can't be used: {_first_line(error)}") from error
        except Exception as error:
            # oslo.messaging lets its client library's own through
            if not broker_errors.is_known(str(error)):
                raise
            raise CommandError(
                f"the message broker at {self.transport_name} refuses us: "
                f"{broker_errors.explain(_first_line(error))}"
            ) from error

    def _describe_silence(self) -> str:
        text = (
            f"no engine answered within {self._timeout:g} s on topic {self._conf.masakari_topic} of "
            f"{self.transport_name}: check that masakari-lite-engine runs, and that its transport_url, "
            "masakari_topic and control_exchange are the same as here"
        )
        if self.transport_name.startswith("fake:"):
            text += " (fake: reaches nobody outside of this process)"
        return text


def load(conf: cfg.ConfigOpts, files: list[str], directories: list[str]) -> None:
    """Read the configuration.

    :param files: configuration files; the default ones of project masakari when there are none
    :param directories: configuration directories
    :raises CommandError: when the configuration can't be used
    """
    options.register_opts(conf)
    arguments = [f"--config-file={name}" for name in files]
    arguments += [f"--config-dir={name}" for name in directories]
    try:
        conf(arguments, project="masakari", prog=_PROG)
    except cfg.Error as error:
        raise CommandError(f"the configuration can't be used: {_first_line(error)}") from error


def _find_addresses(conf: cfg.ConfigOpts) -> list[tuple[str, int]]:
    """Return where the broker listens; nothing for a transport that has no such place."""
    url = _parse_url(conf)
    default = _DEFAULT_PORTS.get(url.transport)
    hosts = [(host.hostname, host.port or default) for host in url.hosts]
    if not hosts and default:
        hosts = [("localhost", default)]  # what oslo.messaging takes an empty one for
    return [(name, port) for name, port in hosts if name and port]


def _parse_url(conf: cfg.ConfigOpts) -> Any:
    try:
        return oslo_messaging.TransportURL.parse(conf)
    except ValueError as error:
        # not with the URL: it has the password
        raise CommandError(
            f"the configuration can't be used: [DEFAULT] transport_url is no URL: {error}"
        ) from error


def describe_transport(conf: cfg.ConfigOpts) -> str:
    """Name the broker by its URL, without user and password."""
    url = _parse_url(conf)
    names = (f"{host.hostname}:{host.port}" if host.port else str(host.hostname) for host in url.hosts)
    hosts = ",".join(names)
    return f"{url.transport}://{hosts}/{url.virtual_host or ''}"


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return " ".join(text.partition("\nTraceback")[0].split()) or type(error).__name__
