"""masakari-lite health."""

from __future__ import annotations

import argparse
import time
from typing import Any

from cliff.lister import Lister

from masakari_lite.cli.app import HEALTH_TIMEOUT
from masakari_lite.cli.errors import CommandError, NoAnswer
from masakari_lite.cli.output import PrintableOutput
from masakari_lite.models import JsonDict

Row = tuple[str, bool, str]

_LISTED = ("check", "ok", "message")
_UNHEALTHY = 1
_UNREACHED = 2


class Health(PrintableOutput, Lister):
    """Ask an engine whether it can work: whether it answers by RPC, and reaches its journal, Nova and claims.

    The exit status is 0 when all is well, 1 when the engine answers and something is not, and 2 when no
    engine answers within --timeout or it can't be asked. That is for a readiness probe, and for an alarm. The
    engine itself needs up to 5 s to find out that something does not answer.

    For a liveness probe use --liveness, or the engine is restarted whenever Nova, the database or the
    message broker is unreachable, and that helps nobody. It asks the engine of this machine and
    configuration, and not by RPC: the engine writes a heartbeat to state_path every few seconds while it
    works as it should. The exit status is 0 when there is one, and 2 when there is none or an old one.
    """

    _status = 0

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        """Take whom to ask."""
        parser: argparse.ArgumentParser = super().get_parser(prog_name)
        whom = parser.add_mutually_exclusive_group()
        whom.add_argument(
            "--host", help="ask the engine of that name ([DEFAULT] host there); this host's if not given"
        )
        whom.add_argument("--any", action="store_true", help="ask whichever engine answers first")
        whom.add_argument(
            "--liveness", action="store_true", help="ask only whether this host's engine is alive"
        )
        return parser

    def run(self, parsed_args: argparse.Namespace) -> int:
        """Return the engine's health in the exit status."""
        try:
            return super().run(parsed_args) or self._status
        except CommandError as error:
            self.app.LOG.error(str(error), exc_info=self.app.options.debug)
            return _UNREACHED

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[tuple[str, ...], list[Row]]:
        """Ask."""
        if parsed_args.liveness:
            return _LISTED, [self._check_liveness()]
        rows = self._ask(parsed_args)
        self._status = 0 if all(ok for _name, ok, _message in rows) else _UNHEALTHY
        return _LISTED, rows

    def _ask(self, parsed_args: argparse.Namespace) -> list[Row]:
        from masakari_lite.health import heartbeat
        from masakari_lite.rpc import transport

        server = parsed_args.host or transport.get_server_name(self.app.load())
        begun = time.monotonic()
        try:
            answer = self.app.connect(HEALTH_TIMEOUT).get_health(None if parsed_args.any else server)
        except CommandError as error:
            message = (
                f"engine {server}: {error}"
                if isinstance(error, NoAnswer) and not parsed_args.any
                else str(error)
            )
            is_here = not parsed_args.host or parsed_args.host == transport.get_server_name(self.app.load())
            outage = heartbeat.read_outage(heartbeat.find_path(self.app.load())) if is_here else ""
            if outage:
                message = f"this host's engine is alive, but serves no RPC: {outage}; {message}"
            raise type(error)(message) from error
        return build_rows(answer, time.monotonic() - begun)

    def _check_liveness(self) -> Row:
        from masakari_lite.health import heartbeat

        path = heartbeat.find_path(self.app.load())
        age = heartbeat.find_age(path)
        if age is None:
            raise CommandError(f"no engine lives here: no {path} since this machine was started")
        if age > heartbeat.LIMIT:
            raise CommandError(f"the engine is dead or stuck: its last heartbeat, {path}, is {age:.0f} s old")
        return "heartbeat", True, f"{age:.0f} s ago"


def build_rows(answer: JsonDict, seconds: float) -> list[Row]:
    """Make a row of each check; that there was an answer is one of them.

    :param answer: of get_health
    :param seconds: how long it took
    """
    hosts = ", ".join(answer["recoveries"])
    what = f"recovers {hosts}" if hosts else "recovers no host"
    who = f"engine {answer['host']} ({answer['version']}) answered after {seconds:.1f} s and {what}"
    checks: dict[str, Any] = answer["checks"]
    return [("rpc", True, who), *((name, check["ok"], check["message"]) for name, check in checks.items())]
