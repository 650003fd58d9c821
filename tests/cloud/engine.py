"""The installed commands: the engine as a process of its own, and its operator's tool."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import uuid
from typing import Any

from tools.devcloud.cloud import Cloud

JsonDict = dict[str, Any]

_READY = "The engine is ready"
_START_LIMIT = 60.0
_STOP_LIMIT = 90.0
_CONFIG = """\
[DEFAULT]
transport_url = {transport_url}
masakari_topic = {topic}
state_path = {directory}
{options}

[database]
connection = {journal}

[host_failure]
{host_failure}

[nova]
auth_type = password
auth_url = {auth_url}
username = {username}
password = {password}
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
{nova}
"""


class Engine:
    """An engine process with RabbitMQ and a MariaDB journal; a context manager that starts and ends it."""

    def __init__(self, cloud: Cloud, directory: pathlib.Path, **changes: Any) -> None:
        """Write its masakari.conf; ``section__option=value`` sets an option, ``module`` what is run."""
        self._bin = pathlib.Path(sys.executable).parent
        self._module = changes.pop("module", None)
        self._directory = directory
        self._path = directory / "masakari.conf"
        self._log = directory / "engine.log"
        settings = {
            "transport_url": cloud.settings.transport_url,
            "topic": f"ha_engine-{uuid.uuid4()}",
            "directory": directory,
            "journal": cloud.journal_url,
            "auth_url": changes.pop("auth_url", cloud.settings.auth_url),
            "username": changes.pop("username", "masakari"),
            "password": changes.pop("password", cloud.settings.password),
        }
        sections: dict[str, list[str]] = {"options": [], "host_failure": [], "nova": []}
        for name, value in changes.items():
            section, _, option = name.rpartition("__")
            sections[section or "options"].append(f"{option} = {value}")
        lines = {section: "\n".join(options) for section, options in sections.items()}
        self._path.write_text(_CONFIG.format(**settings, **lines))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Engine":
        subprocess.run([*self._command(), "--upgrade-db"], check=True, capture_output=True)
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process and self._process.poll() is None:
            assert self.stop() == 0, self.log

    @property
    def log(self) -> str:
        """What it has logged."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        begin = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("a") as output:
            self._process = subprocess.Popen(self._command(), stdout=output, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + _START_LIMIT
        while _READY not in self.log[begin:]:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.1)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; returns the exit status."""
        assert self._process
        self._process.send_signal(number)
        return self._process.wait(_STOP_LIMIT)

    def notify(self, host: str) -> str:
        """Tell it that a host has failed, from another process; returns the notification's uuid."""
        return str(self.ask("notification", "create", "--hostname", host)["notification_uuid"])

    def recover(self, host: str, limit: float = 240) -> JsonDict:
        """Notify, and wait for the end; returns the notification."""
        return self.wait(self.notify(host), limit)

    def wait(self, notification_uuid: str, limit: float = 240) -> JsonDict:
        """Wait until a notification has ended."""
        deadline = time.monotonic() + limit
        while (found := self.ask("notification", "show", notification_uuid))["status"] in ("new", "running"):
            assert time.monotonic() < deadline, self.log
            time.sleep(0.5)
        return found

    def moves(self, notification_uuid: str) -> dict[str, JsonDict]:
        """Return the moves of a notification by instance."""
        rows = self.ask("vmove", "list", notification_uuid)
        return {row["instance_uuid"]: row for row in rows}

    def ask(self, *words: str) -> Any:
        """Run the operator's tool; returns its answer."""
        tool = [str(self._bin / "masakari-lite"), "--config-file", str(self._path)]
        answer = subprocess.run([*tool, *words, "-f", "json"], capture_output=True, text=True, check=False)
        assert answer.returncode == 0, answer.stderr + self.log
        return json.loads(answer.stdout)

    def _command(self) -> list[str]:
        run = [sys.executable, "-m", self._module] if self._module else [f"{self._bin}/masakari-lite-engine"]
        return [*run, "--config-file", str(self._path)]


os.environ.setdefault("NO_PROXY", "127.0.0.1")
