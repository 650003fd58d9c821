"""What engines need to work: a cloud, a database, a topic; all of it is gone afterwards."""

import contextlib
import dataclasses
import pathlib
import threading
from collections.abc import Iterator
from typing import Any

from masakari_lite.journal import store
from tests.harness.forks import Zygote
from tests.several.crew import Member
from tests.several.servers import Servers, remove_queues
from tests.several.settings import Settings
from tests.several.site import Site

ENGINES = ("engine-1", "engine-2", "engine-3")
LEASE = 2
_upgrading = threading.Lock()  # alembic knows one upgrade in a process at a time


@dataclasses.dataclass(frozen=True)
class Stage:
    """A cloud that answers, and engines that are not started yet."""

    site: Site
    settings: Settings
    crew: list[Member]


@contextlib.contextmanager
def staged(
    site: Site, servers: Servers, zygote: Zygote, directory: pathlib.Path, lease: int = LEASE, **changes: Any
) -> Iterator[Stage]:
    """Make all that engines need, until the block ends.

    :param directory: an empty one
    :param changes: options of the engines
    """
    with site, servers.own_database() as database:
        settings = Settings(servers, database, directory, site.simulator.auth_url, lease, **changes)
        crew = [Member(name, zygote, settings, site, directory) for name in ENGINES]
        if database:
            with _upgrading:
                store.upgrade(settings.load())
        try:
            yield Stage(site, settings, crew)
        finally:
            for member in crew:
                member.kill()
            remove_queues(servers.transport, settings.topic, list(ENGINES))
