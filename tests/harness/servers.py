"""A broker, a database server and a Redis of the tests' own, to be killed and started again."""

import abc
import contextlib
import getpass
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
import redis
import sqlalchemy as sa

from masakari_lite import polling
from tests.harness.program import Program, find_free_port, require, send

_RABBITMQ = pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


class Server(abc.ABC):
    """A server on a port of its own, that can die and come back with what it has on disk."""

    def __init__(self, directory: pathlib.Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = find_free_port()
        self._program = self._build()

    @property
    @abc.abstractmethod
    def url(self) -> str:
        """Where clients find it."""

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if not self._program.is_running:
            self._program.start()
        polling.wait_until(self._is_ready, 0.1, 90, f"an answer of {type(self).__name__}")

    def kill(self) -> None:
        """End it as a power failure does."""
        self._program.end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as its administrator does."""
        self._program.end(signal.SIGTERM)

    def end(self, how: str) -> None:
        """End it by the method of that name, ``kill`` or ``stop``."""
        getattr(self, how)()

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it accept connections and answer nothing, until the block ends."""
        self._program.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._program.signal(signal.SIGCONT)

    def close(self) -> None:
        """End it for good."""
        self.kill()

    @abc.abstractmethod
    def _build(self) -> Program:
        """Prepare what it needs on disk."""

    @abc.abstractmethod
    def _is_ready(self) -> bool:
        """Ask it something."""


class RabbitMQ(Server):
    """A broker node with its own epmd, so that nobody else's is asked, or left behind."""

    def __init__(self, directory: pathlib.Path) -> None:
        require("rabbitmq-server", "rabbitmq-server", str(_RABBITMQ.parent))
        self._epmd_port = find_free_port()
        super().__init__(directory)
        epmd = require("epmd", "rabbitmq-server")
        address = ["-port", str(self._epmd_port), "-address", "127.0.0.1"]
        self._epmd = Program(directory / "epmd.log", [epmd, *address])
        self._epmd.start()

    @property
    def url(self) -> str:
        return f"rabbit://guest:guest@127.0.0.1:{self.port}/"

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl on this node."""
        program = str(_RABBITMQ.with_name("rabbitmqctl"))
        subprocess.run(
            [program, "--quiet", *arguments],
            env=os.environ | self._find_node(),
            check=True,
            capture_output=True,
            timeout=60,
        )

    def close(self) -> None:
        super().close()
        self._epmd.end(signal.SIGKILL)

    def _find_node(self) -> dict[str, str]:
        return {
            "HOME": str(self.directory),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"masakari{self.port}@localhost",
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
        }

    def _build(self) -> Program:
        home = self.directory
        (home / "plugins").write_text("[].\n")
        (home / "advanced.config").write_text("[].\n")
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            "vm_memory_high_watermark.absolute = 1GB\ndisk_free_limit.absolute = 10MB\n"
        )
        # Debian's wrapper in /usr/sbin changes to the system's user and its directories
        program = str(_RABBITMQ) if _RABBITMQ.exists() else require("rabbitmq-server", "rabbitmq-server")
        return Program(
            home / "rabbitmq.log",
            [program],
            **self._find_node(),
            RABBITMQ_DIST_PORT=str(find_free_port()),
            RABBITMQ_MNESIA_BASE=str(home / "mnesia"),
            RABBITMQ_LOG_BASE=str(home / "log"),
            RABBITMQ_CONFIG_FILE=str(home / "rabbitmq.conf"),
            RABBITMQ_ADVANCED_CONFIG_FILE=str(home / "advanced.config"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "plugins"),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +sbwt none",
            RUNNING_UNDER_SYSTEMD="true",  # becomes the Erlang process, with no shell around it
        )

    def _is_ready(self) -> bool:
        """Tell whether the broker greets: it listens before it does."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(connection.recv(1))
        except OSError:
            return False


class MariaDB(Server):
    """A database server with a data directory of its own, in which everybody may do anything."""

    @property
    def url(self) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self.port}"

    def create_database(self, name: str) -> str:
        """Create an empty database; return its URL."""
        self.execute(f"CREATE DATABASE {name}")
        return f"{self.url}/{name}"

    def execute(self, statement: str) -> list[tuple[object, ...]]:
        """Run a statement as the administrator; return the rows."""
        engine = sa.create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []

    def cut_connections(self, database: str) -> int:
        """End all connections to a database; return how many there were."""
        query = f"SELECT id FROM information_schema.processlist WHERE db = '{database}'"
        found = self.execute(query)
        for (number,) in found:
            with contextlib.suppress(sa.exc.OperationalError):  # has ended by itself
                self.execute(f"KILL CONNECTION {number}")
        return len(found)

    def _build(self) -> Program:
        program = require("mariadbd", "mariadb-server")
        data = self.directory / "data"
        user = f"--user={getpass.getuser()}"
        install = require("mariadb-install-db", "mariadb-server")
        options = ["--no-defaults", user, f"--datadir={data}", "--skip-test-db"]
        with (self.directory / "install.log").open("wb") as log:
            subprocess.run([install, *options], stdout=log, stderr=log, check=True, timeout=120)
        return Program(
            self.directory / "mariadb.log",
            [
                program,
                "--no-defaults",
                user,
                f"--datadir={data}",
                f"--socket={self.directory}/s",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-grant-tables",
                "--skip-name-resolve",
                "--skip-networking=0",
                "--innodb-buffer-pool-size=32M",
                "--performance-schema=OFF",
            ],
        )

    def _is_ready(self) -> bool:
        try:
            return self.execute("SELECT 1") == [(1,)]
        except sa.exc.OperationalError:
            return False


class PostgreSQL(Server):
    """A database server with a data directory of its own, which trusts everybody.

    It does not run as root: then it is the user whom Debian's package has made.
    """

    @property
    def url(self) -> str:
        return f"postgresql+pg8000://postgres@127.0.0.1:{self.port}"

    def create_database(self, name: str) -> str:
        """Create an empty database; return its URL."""
        engine = sa.create_engine(f"{self.url}/postgres", isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
        return f"{self.url}/{name}"

    def stop(self) -> None:
        """End it without waiting for its clients to go."""
        self._program.end(signal.SIGINT)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Let it answer nothing; each connection has a process with a group of its own."""
        processes = self._program.find_processes()
        send(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            send(processes, signal.SIGCONT)

    def close(self) -> None:
        super().close()
        self._data.cleanup()

    def _build(self) -> Program:
        pytest.importorskip("pg8000")
        places = [str(path) for path in sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))]
        install = require("initdb", "postgresql", *places)
        program = require("postgres", "postgresql", *places)
        # pytest's directories are closed to other users
        self._data = tempfile.TemporaryDirectory(prefix="masakari-lite-postgresql-")
        data = self._data.name
        as_user: list[str] = []
        if os.geteuid() == 0:
            as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
            shutil.chown(data, "postgres", "postgres")
        options = [f"--pgdata={data}", "--username=postgres", "--auth=trust", "--no-sync"]
        with (self.directory / "install.log").open("wb") as log:
            subprocess.run([*as_user, install, *options], stdout=log, stderr=log, check=True, timeout=120)
        place = ["-D", data, "-p", str(self.port), "-h", "127.0.0.1", "-k", ""]
        return Program(self.directory / "postgresql.log", [*as_user, program, *place])

    def _is_ready(self) -> bool:
        engine = sa.create_engine(f"{self.url}/postgres", poolclass=sa.NullPool)
        try:
            with engine.connect() as connection:
                return bool(connection.execute(sa.text("SELECT 1")).scalar() == 1)
        except sa.exc.DBAPIError:
            return False


class Redis(Server):
    """A Redis that keeps nothing on disk: when it comes back it has forgotten every claim."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def _build(self) -> Program:
        program = require("redis-server", "redis-server")
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return Program(self.directory / "redis.log", [program, *options, "--dir", str(self.directory)])

    def _is_ready(self) -> bool:
        try:
            with redis.Redis(port=self.port) as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False
