"""The installed commands: the engine as a process of its own, and its operator's tool."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from typing import Any

from masakari_lite import polling
from tests.cloud.costs import Meter
from tests.harness import settings
from tests.harness.program import Program
from tools.devcloud.cloud import Cloud

JsonDict = dict[str, Any]

_READY = "The engine is ready"
_START_LIMIT = 60.0
_STOP_LIMIT = 90.0


class Engine:
    """An engine process with a broker and a journal; a context manager that starts and ends it."""

    def __init__(self, cloud: Cloud, directory: pathlib.Path, meter: Meter, **changes: Any) -> None:
        """Write its masakari.conf.

        :param changes: ``section__option=value`` sets an option, ``user`` says who it is to Nova, and
            ``module`` what is run instead of the command
        """
        self._bin = pathlib.Path(sys.executable).parent
        self._module = changes.pop("module", None)
        self._path = _configure(cloud, directory, changes)
        self._program = Program(directory / "engine.log", self._command())
        self._meter = meter
        self._hosts: dict[str, str] = {}

    def __enter__(self) -> "Engine":
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._program.is_running:
            assert self.stop() == 0, self.log

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._program.output

    def create_tables(self) -> None:
        """Bring the journal's tables up."""
        subprocess.run([*self._command(), "--upgrade-db"], check=True, capture_output=True)

    def start(self) -> None:
        """Start it, and wait until it listens."""
        before = self.log.count(_READY)
        self._program.start()
        polling.wait_until(
            lambda: not self._program.is_running or self.log.count(_READY) > before,
            0.1,
            _START_LIMIT,
            "the engine to be ready",
        )
        assert self._program.is_running, self.log

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; returns the exit status."""
        self._program.signal(number)
        return self._program.wait(_STOP_LIMIT)

    def notify(self, host: str) -> str:
        """Tell it that a host has failed, from another process; returns the notification's uuid."""
        self._meter.start()
        notification_uuid = str(uuid.uuid4())
        self._hosts[notification_uuid] = host
        self._send(notification_uuid)
        return notification_uuid

    def recover(self, host: str) -> JsonDict:
        """Notify, and wait for the end; returns the notification."""
        self._meter.start()
        notification_uuid = str(uuid.uuid4())
        self._hosts[notification_uuid] = host
        return self.wait(notification_uuid)

    def wait(self, notification_uuid: str, limit: float = 240) -> JsonDict:
        """Wait until a notification has ended; one process does, for each takes a second of a core."""
        ended = self._send(notification_uuid, "--wait", f"--wait-timeout={limit}")
        self._meter.stop(ended, len(self.moves(notification_uuid)))
        return ended

    def moves(self, notification_uuid: str) -> dict[str, JsonDict]:
        """Return the moves of a notification by instance."""
        rows = self._ask("vmove", "list", notification_uuid)
        return {row["instance_uuid"]: row for row in rows}

    def _send(self, notification_uuid: str, *options: str) -> JsonDict:
        """Send a notification; the same sent again is answered with what became of it."""
        host = self._hosts[notification_uuid]
        words = ("--hostname", host, "--notification-uuid", notification_uuid, *options)
        answer: JsonDict = self._ask("notification", "create", *words)
        return answer

    def _ask(self, *words: str) -> Any:
        """Run the operator's tool; returns its answer. Status 1 tells of a recovery that ended badly."""
        tool = [str(self._bin / "masakari-lite"), "--config-file", str(self._path)]
        answer = subprocess.run([*tool, *words, "-f", "json"], capture_output=True, text=True, check=False)
        assert answer.returncode in (0, 1), answer.stderr + self.log
        assert answer.stdout, answer.stderr + self.log
        return json.loads(answer.stdout)

    def _command(self) -> list[str]:
        run = [sys.executable, "-m", self._module] if self._module else [f"{self._bin}/masakari-lite-engine"]
        return [*run, "--config-file", str(self._path)]


def _configure(cloud: Cloud, directory: pathlib.Path, changes: Mapping[str, Any]) -> pathlib.Path:
    user = changes.get("user", "masakari")
    groups: settings.Groups = {
        "DEFAULT": {
            "transport_url": cloud.transport_url,
            "control_exchange": "masakari-lite-tests",
            "masakari_topic": f"ha_engine-{uuid.uuid4()}",
            "state_path": directory,
        },
        # nothing is left at the broker
        "oslo_messaging_rabbit": {"amqp_auto_delete": True},
        "database": {"connection": cloud.journal_url},
        "nova": dict(cloud.nova_options(user)),
    }
    options = {name: value for name, value in changes.items() if name != "user"}
    return settings.write(directory / "masakari.conf", groups, **options)


os.environ.setdefault("NO_PROXY", "127.0.0.1")
