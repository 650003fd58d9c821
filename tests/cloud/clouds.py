"""The one cloud of a test run: the devcloud, or the one that OS_* variables or clouds.yaml name."""

import contextlib
import functools
import os
import signal
from collections.abc import Iterator, Mapping

from tests.cloud import given
from tests.contract.client import Account
from tools.devcloud import database, lifecycle
from tools.devcloud.cloud import Cloud
from tools.devcloud.healing import Healing
from tools.devcloud.rest import PROJECTS
from tools.devcloud.settings import Settings

# A cloud that notices soon that a host is down. A live host on busy cores must not look down, and one that
# was killed must look up for long enough to be asked about that.
QUICK = {"DEVCLOUD_REPORT_INTERVAL": "1", "DEVCLOUD_SERVICE_DOWN_TIME": "15"}


class Devcloud(Cloud):
    """The cloud of tools/devcloud, with which everything may be done."""

    def why_not(self, _need: str) -> str:
        """Tell why a scenario can't have what it needs; empty when it can."""
        return ""

    def heal(self) -> None:
        """Delete all servers, and have all hosts up and enabled."""
        Healing(self).run()

    def close(self) -> None:
        """Leave it up."""

    def accounts(self) -> tuple[str, dict[str, Account]]:
        """Return Keystone's URL, and who ``masakari``, ``admin`` and ``owner`` are to it."""
        users = {"masakari": "masakari", "admin": "admin", "owner": "demo"}
        password = self.settings.password
        known = {role: Account(user, password, PROJECTS[user]) for role, user in users.items()}
        return self.settings.auth_url, known

    def held_conductor(self) -> contextlib.AbstractContextManager[None]:
        """Keep nova-conductor from working."""
        return self.frozen("nova-conductor")

    @contextlib.contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Keep a process of Nova's from working."""
        group = self.services.supervisor.pid(name)
        assert group is not None
        os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(group, signal.SIGCONT)

    @contextlib.contextmanager
    def down_cell(self) -> Iterator[None]:
        """Have Nova's API look for the database of cell1 where there is none; all else works."""
        self._map_cell("nova", "nowhere")
        try:
            yield
        finally:
            self._map_cell("nowhere", "nova")

    @contextlib.contextmanager
    def other_down_cell(self) -> Iterator[None]:
        """Have Nova's API ask another cell before cell1, whose database it looks for where there is none."""
        prefix = self.settings.database_prefix
        mappings = f"`{prefix}nova_api`.cell_mappings"
        # it asks the cells in the order of these ids, and cell0 has the first
        self._change_mappings(
            f"INSERT INTO {mappings} (id, uuid, name, transport_url, database_connection, disabled) "
            "SELECT -1, UUID(), 'nowhere', transport_url, REPLACE(database_connection, "
            f"'/{prefix}nova?', '/{prefix}nowhere?'), 0 FROM {mappings} WHERE name = 'cell1'"
        )
        try:
            yield
        finally:
            self._change_mappings(f"DELETE FROM {mappings} WHERE name = 'nowhere'")

    def _map_cell(self, old: str, new: str) -> None:
        prefix = self.settings.database_prefix
        self._change_mappings(
            f"UPDATE `{prefix}nova_api`.cell_mappings SET database_connection = REPLACE(database_connection, "
            f"'/{prefix}{old}?', '/{prefix}{new}?') WHERE name = 'cell1'"
        )

    def _change_mappings(self, statement: str) -> None:
        database.run_sql(self.settings, statement)
        # it has read the mappings when it started
        self.services.supervisor.stop(["nova"])
        self.services.start_nova_api()
        self.services.wait_for_api("nova")


AnyCloud = Devcloud | given.GivenCloud


@functools.cache
def find_cloud() -> AnyCloud:
    """Return the cloud; the devcloud is brought up, or left as it is when it is up."""
    if given.is_given(os.environ):
        return given.GivenCloud(os.environ)
    return bring_up(os.environ)


def leave() -> None:
    """Take away what was made in a cloud that was given; the devcloud stays up for the next run."""
    if find_cloud.cache_info().currsize:
        find_cloud().close()
        find_cloud.cache_clear()


def bring_up(environment: Mapping[str, str]) -> Devcloud:
    """Bring the devcloud up, with times that suit the tests unless variables say otherwise."""
    return Devcloud(lifecycle.up(Settings.from_environment(QUICK | dict(environment))).settings)
