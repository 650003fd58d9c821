"""A driver that is not installed is told by the option that wants it, with what to do."""

import importlib.abc
import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from oslo_config import cfg

from masakari_lite import conf as options
from masakari_lite import drivers, exceptions
from masakari_lite.coordination import backends
from masakari_lite.journal import store
from masakari_lite.rpc import transport

PG8000 = r"use postgresql\+pg8000://.*'masakari-lite\[postgresql\]'"


class Absence(importlib.abc.MetaPathFinder):
    """Finds that a module is not there."""

    def __init__(self, module: str) -> None:
        self._module = module

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.partition(".")[0] == self._module:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have a module as if it were not installed."""

    def make(module: str) -> None:
        users = {"etcd3gw": "etcd3gw", "kazoo": "zookeeper"}
        forgotten = (module, f"tooz.drivers.{users.get(module, module)}")
        for name in list(sys.modules):
            if any(name == one or name.startswith(f"{one}.") for one in forgotten):
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(sys, "meta_path", [Absence(module), *sys.meta_path])

    return make


def load(name: str, group: str, value: str) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[], default_config_dirs=[])
    conf.set_override(name, value, group)
    return conf


@pytest.mark.parametrize(
    ("module", "url", "extra"),
    [
        ("etcd3gw", "etcd3+http://h:2379", "etcd"),
        ("etcd3gw", "etcd3+https://h:2379", "etcd"),
        ("redis", "redis://:secret@h", "redis"),
        ("kazoo", "zookeeper://h", "zookeeper"),
    ],
)
def test_one_of_the_claims(without: Callable[[str], None], module: str, url: str, extra: str) -> None:
    without(module)
    said = (
        rf"^\[coordination\] backend_url: .*No module named '{module}.*pip install 'masakari-lite\[{extra}\]'"
    )
    with pytest.raises(exceptions.ConfigurationError, match=said) as caught:
        backends.build(load("backend_url", "coordination", url), "engine")
    assert "secret" not in str(caught.value)


def test_a_kind_of_claims_that_there_is_not() -> None:
    with pytest.raises(exceptions.ConfigurationError, match=r"looking for 'consul'.*tested with: .*redis"):
        backends.build(load("backend_url", "coordination", "consul://h"), "engine")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("module", "url", "advice"),
    [
        ("pg8000", "postgresql+pg8000://u:secret@h/d", r"pip install 'masakari-lite\[postgresql\]'"),
        ("psycopg2", "postgresql+psycopg2://u:secret@h/d", PG8000),
        ("psycopg", "postgresql+psycopg://u:secret@h/d", PG8000),
        ("MySQLdb", "mysql+mysqldb://u:secret@h/d", r"use mysql\+pymysql://"),
    ],
)
def test_one_of_the_journal(without: Callable[[str], None], module: str, url: str, advice: str) -> None:
    without(module)
    with pytest.raises(
        exceptions.JournalError, match=rf"\[database\] connection\).*No module named '{module}'; .*{advice}"
    ) as caught:
        store.Journal(load("connection", "database", url))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["kafka", "amqp1", "amqp", "http"])
def test_one_of_rpc(without: Callable[[str], None], scheme: str) -> None:
    without("confluent_kafka")
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[], default_config_dirs=[])
    transport_url = f"{scheme}://u:secret@h"
    with pytest.raises(
        exceptions.ConfigurationError, match=r"^\[DEFAULT\] transport_url: .*RPC goes by RabbitMQ: rabbit://"
    ) as caught:
        transport.get_transport(set_transport(conf, transport_url))
    assert "secret" not in str(caught.value)


def set_transport(conf: cfg.ConfigOpts, url: str) -> cfg.ConfigOpts:
    """Set an option that oslo.messaging registers when it is first used."""
    from oslo_messaging import conffixture

    conffixture.ConfFixture(conf)
    conf.set_override("transport_url", url)
    return conf


@pytest.mark.parametrize("url", ["rabbit://u:p/secret@h:5672/", "rabbit://u:secret#x@h:port/"])
def test_a_password_that_breaks_the_url_is_not_shown(url: str) -> None:
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conf([], project="masakari", default_config_files=[], default_config_dirs=[])
    with pytest.raises(exceptions.ConfigurationError, match="each special character as %XX") as caught:
        transport.get_transport(set_transport(conf, url))
    assert "secret" not in str(caught.value)
    assert "'p'" not in str(caught.value)


def test_an_unknown_module_is_named_and_no_missing_one_is_not() -> None:
    error = sa.exc.ArgumentError("around it")
    error.__cause__ = ModuleNotFoundError("No module named 'new.driver'", name="new.driver")
    assert drivers.advise(error) == "; install the Python package that has the module new"
    assert drivers.advise(ValueError("something else")) == ""
