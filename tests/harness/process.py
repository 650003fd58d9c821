"""The engine's command as a process, on a configuration file of its own, and the journal that it works on."""

import pathlib
import sys
import uuid
from typing import Any

from masakari_lite import polling
from masakari_lite.engine import validation
from masakari_lite.models import NotificationStatus
from tests.harness import settings
from tests.harness.monitor import build_notification
from tests.harness.program import Program
from tests.harness.site import Site

_COMMAND = (sys.executable, "-W", "error::ResourceWarning", "-m", "masakari_lite.cmd.engine")


class Process(Program):
    """masakari-lite-engine on a configuration file of its own."""

    def __init__(self, directory: pathlib.Path) -> None:
        super().__init__(directory / "engine.log")
        self._directory = directory
        self.path = directory / "engine.conf"

    def configure(self, auth_url: str = "http://127.0.0.1:9/v3", **changes: Any) -> None:
        """Write the configuration file; ``group__name=value`` sets an option, None leaves it out."""
        groups: settings.Groups = {
            "DEFAULT": {
                "transport_url": "fake:/",
                "state_path": self._directory,
                "verify_interval": 0.05,
                "process_unfinished_notifications_interval": 1,
                "retry_notification_new_status_interval": 0,
                "wait_period_after_evacuation": 3,
            },
            "nova": {"auth_url": auth_url, "late_request_period": 3, **settings.NOVA_AUTH},
        }
        settings.write(self.path, groups, **changes)

    def start(self, *arguments: str) -> None:
        """Start the engine, by default with the configuration file."""
        self._arguments = [*_COMMAND, *(arguments or ("--config-file", str(self.path)))]
        super().start()

    def run(self, *arguments: str, limit: float = 30) -> tuple[int, str]:
        """Run the engine to its end; return the exit status and what it wrote."""
        self._log.unlink(missing_ok=True)
        self.start(*arguments)
        return self.wait(limit), self.output


def leave(site: Site, **changes: Any) -> str:
    """Write a new notification to the journal, for an engine to take up."""
    raw = build_notification(notification_uuid=str(uuid.uuid4()), **changes)
    with site.journal() as journal:
        return journal.notifications.add(validation.parse_notification(raw)).notification_uuid


def wait_for_end(site: Site, notification_uuid: str) -> NotificationStatus:
    """Wait until an engine's process has ended a notification."""
    with site.journal() as journal:

        def ended() -> NotificationStatus | None:
            status = journal.notifications.get(notification_uuid).status
            return None if status.is_active else status

        return polling.wait_until(ended, 0.05, 20, "the end of the notification")
