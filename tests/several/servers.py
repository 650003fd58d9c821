"""The servers that the engines share, named by the environment; what a run makes there it takes away."""

import contextlib
import dataclasses
import os
import pathlib
import socket
import uuid
from collections.abc import Iterator, Mapping
from urllib import parse

import kombu
import sqlalchemy as sa

TRANSPORT = "MASAKARI_LITE_TEST_TRANSPORT"
DATABASE = "MASAKARI_LITE_TEST_DATABASE"
COORDINATION = "MASAKARI_LITE_TEST_COORDINATION"

_DEFAULT_PORTS = {"rabbit": 5672, "mysql": 3306, "mariadb": 3306, "postgresql": 5432, "redis": 6379}
_NEEDED = """\
{name} ({url}): {error}
What is needed, on a Debian or Ubuntu: apt-get install rabbitmq-server mariadb-server redis-server, and where
nobody starts them: rabbitmq-server -detached; mariadbd-safe --user=mysql &; redis-server --daemonize yes.
The database user must be allowed to create databases; {name} names another server or user."""


class ServerMissing(Exception):
    """Raised when a server does not answer; the message says which, and how to start it."""


@dataclasses.dataclass(frozen=True)
class Servers:
    """Where the engines meet.

    :ivar transport: a transport_url
    :ivar database: the SQLAlchemy URL of a server; None: a SQLite file a round
    :ivar coordination: a backend_url; None: the default, the database, or with a SQLite file a directory
    """

    transport: str
    database: str | None
    coordination: str | None

    def __str__(self) -> str:
        claims = self.coordination or ("journal:" if self.database else "file:")
        urls = (self.transport, self.database or "sqlite:", claims)
        return " + ".join(parse.urlsplit(url).scheme for url in urls)

    @contextlib.contextmanager
    def own_database(self) -> Iterator[str | None]:
        """Make a database, and drop it when the block ends; yields its URL, None where none is needed."""
        if not self.database:
            yield None
            return
        url = sa.make_url(self.database)
        name = f"masakari_several_{uuid.uuid4().hex[:12]}"
        engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
        try:
            with _explained(DATABASE, self.database), engine.connect() as connection:
                connection.execute(sa.text(f"CREATE DATABASE {name}"))
            yield url.set(database=name).render_as_string(hide_password=False)
        finally:
            # what is frozen, or was killed in mid-transaction, may still be connected
            force = " WITH (FORCE)" if url.get_backend_name() == "postgresql" else ""
            with contextlib.suppress(sa.exc.SQLAlchemyError), engine.connect() as connection:
                connection.execute(sa.text(f"DROP DATABASE IF EXISTS {name}{force}"))
            engine.dispose()


def find(environment: Mapping[str, str] = os.environ) -> Servers:
    """Find the servers that the environment names.

    :raises ServerMissing: when one does not answer
    """
    found = Servers(
        environment.get(TRANSPORT) or "rabbit://guest:guest@127.0.0.1:5672/",
        environment.get(DATABASE) or None,
        environment.get(COORDINATION) or None,
    )
    for name, url in zip((TRANSPORT, DATABASE, COORDINATION), dataclasses.astuple(found), strict=True):
        if url:
            _knock(name, url)
    with found.own_database():
        pass
    return found


def remove_queues(transport: str, topic: str, servers: list[str]) -> None:
    """Delete the queues of a topic, and its exchange of the same name.

    Those of replies and fanouts go by themselves, some time after the last use.
    """
    url = "amqp" + transport.removeprefix("rabbit")
    with kombu.Connection(url) as connection, connection.channel() as channel:
        for name in (topic, *(f"{topic}.{server}" for server in servers)):
            channel.queue_delete(name)
        for name in (topic, f"{topic}_fanout"):
            channel.exchange_delete(name)


def _knock(name: str, url: str) -> None:
    parts = parse.urlsplit(url)
    scheme = parts.scheme.partition("+")[0]
    if scheme == "file":
        pathlib.Path(parts.path).mkdir(parents=True, exist_ok=True)
        return
    with _explained(name, url):
        address = (parts.hostname or "127.0.0.1", parts.port or _DEFAULT_PORTS.get(scheme, 0))
        socket.create_connection(address, timeout=5).close()


@contextlib.contextmanager
def _explained(name: str, url: str) -> Iterator[None]:
    try:
        yield
    except (OSError, sa.exc.SQLAlchemyError, ImportError) as error:
        cause = str(error).partition("\n")[0]
        raise ServerMissing(_NEEDED.format(name=name, url=_hide_password(url), error=cause)) from error


def _hide_password(url: str) -> str:
    parts = parse.urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
