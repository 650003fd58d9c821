"""Create the services' tables, and Keystone's keys; as much of it at once as there is."""

import concurrent.futures
import hashlib
from collections.abc import Callable

from tools.devcloud import install, processes
from tools.devcloud.settings import REGION, Settings

_Step = Callable[[Settings], None]


class Schemas:
    """Brings all schemas up in the background; who needs one waits for it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = concurrent.futures.ThreadPoolExecutor()
        # the longest first, so that two cores end at about the same time
        steps: dict[str, _Step] = {
            "keystone": _keystone,
            "neutron": _neutron,
            "nova": _nova,
            "glance": _glance,
            "placement": _placement,
        }
        self._running = {name: self._pool.submit(self._once, name, step) for name, step in steps.items()}

    def wait_for(self, *names: str) -> None:
        """Wait until those are there.

        :raises CommandError: when one can't be brought up
        """
        for name in names:
            self._running[name].result()

    def close(self) -> None:
        """Wait for all of them, whatever became of them."""
        self._pool.shutdown()

    def _once(self, name: str, step: _Step) -> None:
        stamp = self._settings.path("state", f"schema-{name}")
        wanted = f"{self._settings.database(name)}\n{install.VERSIONS.read_text()}"
        digest = hashlib.sha256(wanted.encode()).hexdigest()
        if stamp.exists() and stamp.read_text() == digest:
            return
        print(f"devcloud: tables of {name}", flush=True)
        step(self._settings)
        stamp.write_text(digest)


def nova_manage(settings: Settings, *words: str, database: str = "nova") -> None:
    """Run nova-manage.

    :param database: the cell's database that it is to work on
    :raises CommandError: when it fails
    """
    files = (f"--config-file={settings.path('etc', name)}" for name in ("nova.conf", "nova-control.conf"))
    variables = processes.environment({"OS_DATABASE__CONNECTION": settings.database(database)})
    log = settings.path("log", f"schema-{database}.out")
    processes.run([settings.program("nova-manage"), *files, *words], log, variables)


def _nova(settings: Settings) -> None:
    """The cells' tables don't depend on the API's; only the mappings of the cells do."""
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(nova_manage, settings, "db", "sync", "--local_cell"),
            pool.submit(nova_manage, settings, "db", "sync", "--local_cell", database="nova_cell0"),
            pool.submit(_nova_api, settings),
        ]
    for job in jobs:
        job.result()


def _nova_api(settings: Settings) -> None:
    nova_manage(settings, "api_db", "sync")
    cell0 = settings.database("nova_cell0")
    nova_manage(settings, "cell_v2", "map_cell0", "--database_connection", cell0)
    transport = ("--transport-url", settings.transport_url)
    nova_manage(
        settings,
        *("cell_v2", "create_cell", "--name", "cell1", *transport),
        *("--database_connection", settings.database("nova")),
    )


def _keystone(settings: Settings) -> None:
    user = ("--keystone-user", str(settings.path().owner()), "--keystone-group", str(settings.path().group()))
    urls = (f"--bootstrap-{name}-url={settings.auth_url}" for name in ("admin", "internal", "public"))
    region = f"--bootstrap-region-id={REGION}"
    _manage(settings, "keystone", "db_sync")
    _manage(settings, "keystone", "fernet_setup", *user)
    _manage(settings, "keystone", "credential_setup", *user)
    _manage(settings, "keystone", "bootstrap", f"--bootstrap-password={settings.password}", region, *urls)


def _glance(settings: Settings) -> None:
    _manage(settings, "glance", "db", "sync", configuration="glance-api.conf")


def _placement(settings: Settings) -> None:
    _manage(settings, "placement", "db", "sync")


def _neutron(settings: Settings) -> None:
    path = settings.path("etc", "neutron.conf")
    command = [settings.program("neutron-db-manage"), f"--config-file={path}", "upgrade", "heads"]
    processes.run(command, settings.path("log", "schema-neutron.out"))


def _manage(settings: Settings, service: str, *words: str, configuration: str = "") -> None:
    path = settings.path("etc", configuration or f"{service}.conf")
    command = [settings.program(f"{service}-manage"), f"--config-file={path}", *words]
    processes.run(command, settings.path("log", f"schema-{service}.out"))
