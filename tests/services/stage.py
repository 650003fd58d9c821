"""A simulated cloud, the engine's real process beside it, and what the process complains of."""

import collections
import contextlib
import pathlib
import re
import time
import uuid
from typing import Any

from masakari_lite import exceptions
from masakari_lite.engine import validation
from masakari_lite.journal import store
from masakari_lite.models import JsonDict, NotificationStatus
from masakari_lite.rpc import transport
from masakari_lite.rpc.client import EngineAPI
from masakari_lite_simulator import Server as Instance
from tests.harness.monitor import HOST, build_notification
from tests.harness.process import Process
from tests.harness.servers import Server
from tests.harness.site import Site

SLOW = {"evacuation_latency": 0.8, "action_latency": 0.1}
_CHANGES = ("lock", "unlock", "evacuate", "reset_state", "stop", "start")
_OURS = "masakari_lite"
# its logger, and what it says; after a colon come the reasons
_COMPLAINT = re.compile(
    r"^\d{4}-\d\d-\d\d \S+ \d+ (?:WARNING|ERROR|CRITICAL) (\S+) \[[^]]*\] "
    r"((?:\[[^]]*\] )*.*?)(?=: |$)",
    re.MULTILINE,
)


class Stage(Site):
    """One scene: compute-1 is to fail, an engine's process recovers it, and something else fails too."""

    def __init__(
        self,
        directory: pathlib.Path,
        stack: contextlib.ExitStack,
        cloud: JsonDict | None = None,
        **options: Any,
    ) -> None:
        directory.mkdir(exist_ok=True)
        options = {"masakari_topic": str(uuid.uuid4()), "wait_period_after_evacuation": 10} | options
        super().__init__(directory, stack, SLOW | (cloud or {}), **options)
        self._directory = directory
        self._stack = stack
        self._options = options
        self.process = self.build_process()
        self.servers: dict[str, list[Instance]] = {}

    def build_process(self, name: str = "", **changes: Any) -> Process:
        """Make one more engine's process, with the same configuration, that has yet to be started.

        :param changes: its own options
        """
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        process = Process(directory)
        self._stack.callback(process.kill)
        place = {"state_path": self._directory, "host": f"engine{name}"}
        process.configure(self.simulator.auth_url, **(place | self._options | changes))
        return process

    def populate(self) -> None:
        """Put instances on compute-1 that take each of the ways."""
        self.servers = {
            "active": self.add(6) + self.add(1, locked_by="owner", locked_reason="mine"),
            "stopped": self.add(1, vm_state="stopped") + self.add(1, vm_state="paused"),
            "error": self.add(1, vm_state="error", power_state=4),
        }

    def leave(self) -> str:
        """Let compute-1 fail, and write its notification to the journal for an engine to take up."""
        raw = build_notification(notification_uuid=str(uuid.uuid4()))
        with self.journal() as journal:
            accepted = journal.notifications.add(validation.parse_notification(raw))
        self.cloud.fail_host(HOST)
        return accepted.notification_uuid

    def begin(self) -> str:
        """Start the engine on a host that has failed, and wait until it is in the midst of it."""
        self.populate()
        notification = self.leave()
        self.process.start()
        self.until_in_the_midst()
        return notification

    def until_in_the_midst(self, count: int = 4) -> None:
        """Wait until some instances are back, some on their way, and some still to go."""
        self.until(lambda: len(self.cloud.migrations) >= count, limit=60)

    def assert_survives(self, server: Server, how: str, seconds: float, *said: str, others: int = 0) -> None:
        """Let a server be away in mid-recovery, and all end well with nothing else said than that, once each.

        :param how: the server is ended: ``kill`` or ``stop``
        :param others: so many other lines may be said
        """
        notification = self.begin()
        server.end(how)
        time.sleep(seconds)
        server.start()
        self.wait_for_end(notification)
        self.assert_ended_well()
        self.assert_said_once(*said, ours=len(said) + others)

    def find_status(self, notification: str) -> NotificationStatus:
        """Look into the journal."""
        with self.journal() as journal:
            return journal.notifications.get(notification).status

    def wait_for_end(self, notification: str, limit: float = 60) -> None:
        """Wait until the notification is finished, and nothing else."""
        with self.journal() as journal:

            def ended() -> NotificationStatus | None:
                with contextlib.suppress(exceptions.JournalError):
                    status = journal.notifications.get(notification).status
                    return None if status.is_active else status
                return None

            status = self.until(ended, limit)
        assert status is NotificationStatus.FINISHED, self.process.output

    def assert_ended_well(self) -> None:
        """Ask the cloud: everything evacuated once, as it was, with its owner's lock and none of ours."""
        for vm_state, of_that in self.servers.items():
            self.assert_evacuated_once(*of_that, vm_state=vm_state)
        everybody = [server for of_that in self.servers.values() for server in of_that]
        assert sum(server.locked_by == "owner" for server in everybody) == 1
        assert {server.locked_by for server in everybody} == {None, "owner"}

    def count_changes(self) -> int:
        """Count the requests that have changed something."""
        return sum(self.simulator.requests.count(f"server.{kind}") for kind in _CHANGES)

    def count_our_locks(self) -> int:
        """Count the instances that an engine has locked."""
        with self.cloud.up_to_date():
            return sum(server.locked_by == "admin" for server in self.cloud.servers.values())

    def complaints(self, ours: bool = True) -> collections.Counter[str]:
        """Count what was logged above INFO, by sentence: what the engine says, or what its libraries do."""
        found = _COMPLAINT.findall(self.process.output)
        return collections.Counter(said for logger, said in found if logger.startswith(_OURS) is ours)

    def count_said(self, sentence: str) -> int:
        """Count how often the engine said something, above INFO."""
        return sum(count for said, count in self.complaints().items() if sentence in said)

    def assert_said_once(self, *sentences: str, ours: int = 10, theirs: range = range(1)) -> None:
        """Make sure that the engine said what was wrong, and that it was over, each once; and little else.

        :param sentences: parts of what it must have said
        :param ours: so many lines at most it may have written above INFO, none of them twice
        :param theirs: how many lines its libraries may have
        """
        for sentence in sentences:
            self.process.until_it_says(sentence)
        own = self.complaints()
        for sentence in sentences:
            assert self.count_said(sentence) == 1, f"{sentence!r} in {own}\n{self.process.output}"
        assert all(count == 1 for count in own.values()), f"{own}\n{self.process.output}"
        assert len(own) <= ours, f"{own}\n{self.process.output}"
        others = self.complaints(ours=False)
        assert others.total() in theirs, f"{others}\n{self.process.output}"
        assert "Traceback" not in self.process.output

    @contextlib.contextmanager
    def monitor(self, timeout: float = 30) -> Any:
        """Talk to the engine over the broker, as a monitor does."""
        connection = transport.get_transport(self.conf)
        try:
            yield EngineAPI(self.conf, connection, timeout)
        finally:
            connection.cleanup()

    def upgrade_db(self) -> None:
        """Create the tables on a database server."""
        store.upgrade(self.conf)
