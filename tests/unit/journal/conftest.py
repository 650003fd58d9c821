"""A journal on SQLite, and on a database server where one is given."""

import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from oslo_config import cfg
from oslo_utils import timeutils

from masakari_lite import conf as options
from masakari_lite.journal import schema, store
from masakari_lite.models import Notification, NotificationType, VMove

SERVER = "MASAKARI_LITE_TEST_DATABASE"
NO_SERVER = (
    f"set {SERVER} to the SQLAlchemy URL of a server's empty database, whose tables are dropped again and "
    "again: mysql+pymysql://user:password@127.0.0.1/journal or postgresql+pg8000://user:password@127.0.0.1/journal"
)


def load(connection: str, **changes: Any) -> cfg.ConfigOpts:
    """Make a configuration for that database."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[], default_config_dirs=[])
    for name, value in {"connection": connection, **changes}.items():
        conf.set_override(name, value, group="database")
    return conf


def drop_all(url: str) -> None:
    """Empty a database."""
    engine = sa.create_engine(url)
    found = sa.MetaData()
    found.reflect(engine)
    found.drop_all(engine)
    engine.dispose()


@pytest.fixture
def server_url() -> str:
    """The URL of a server's database, which is empty."""
    url = os.environ.get(SERVER)
    if not url:
        pytest.skip(NO_SERVER)
    drop_all(url)
    return url


@pytest.fixture(params=["sqlite", "server"])
def url(request, tmp_path) -> str:
    """The URL of an empty database."""
    if request.param == "server":
        return str(request.getfixturevalue("server_url"))
    return f"sqlite:///{tmp_path}/journal.sqlite"


@pytest.fixture
def conf(url) -> cfg.ConfigOpts:
    return load(url)


@pytest.fixture
def open_journal() -> Iterator[Callable[[cfg.ConfigOpts], store.Journal]]:
    """Open journals, and close them when the test is over."""
    opened: list[store.Journal] = []

    def make(conf: cfg.ConfigOpts) -> store.Journal:
        opened.append(store.Journal(conf))
        return opened[-1]

    yield make
    for journal in opened:
        journal.close()


@pytest.fixture
def journal(conf, url, open_journal) -> store.Journal:
    if not url.startswith("sqlite"):
        store.upgrade(conf)
    return open_journal(conf)


@pytest.fixture
def engine(url) -> Iterator[sa.Engine]:
    """The database itself, without tables."""
    made = sa.create_engine(url)
    yield made
    made.dispose()


@pytest.fixture
def upgraded(engine) -> sa.Engine:
    schema.upgrade(engine)
    return engine


def build_notification(**changes: Any) -> Notification:
    """Make a notification of a failed host."""
    values: dict[str, Any] = {
        "notification_uuid": str(uuid.uuid4()),
        "type": NotificationType.COMPUTE_HOST,
        "hostname": "compute-1",
        "generated_time": timeutils.utcnow(),
        "payload": {"event": "STOPPED", "host_status": "NORMAL"},
    }
    return Notification(**(values | changes))


def build_vmove(notification: Notification, **changes: Any) -> VMove:
    """Make the planned move of an active instance."""
    values: dict[str, Any] = {
        "notification_uuid": notification.notification_uuid,
        "instance_uuid": str(uuid.uuid4()),
        "instance_name": "guest",
        "source_host": notification.hostname,
        "vm_state": "active",
        "power_state": 1,
    }
    return VMove(**(values | changes))
