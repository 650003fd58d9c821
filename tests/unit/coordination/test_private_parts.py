"""What is relied on of tooz and its drivers beyond their API.

Seen in tooz 9.1, PyMySQL 1.2.4 and redis 5 to 7. When one of these fails, see how the driver does it now, and
change ``coordination.leases``.
"""

import inspect

import pytest
from tooz.drivers import mysql


def test_a_mysql_lock_has_its_connection():
    assert "self._conn = " in inspect.getsource(mysql.MySQLLock.__init__)


def test_pymysql_has_the_time_limits_of_a_connection():
    connections = pytest.importorskip("pymysql.connections")
    source = inspect.getsource(connections.Connection.__init__)
    assert "self._read_timeout = " in source
    assert "self._write_timeout = " in source


def test_redis_client_is_made_by_a_method():
    redis = pytest.importorskip("redis")
    driver = pytest.importorskip("tooz.drivers.redis")
    assert callable(driver.RedisDriver._make_client)
    assert hasattr(redis.Redis, "set_retry")
    assert hasattr(redis.Redis, "execute_command")


def test_an_etcd_lock_has_its_lease_its_key_and_its_coordinator():
    driver = pytest.importorskip("tooz.drivers.etcd3gw")
    source = inspect.getsource(driver.Etcd3Lock)
    for name in ("self._lease", "self._key", "self._uuid", "self._coord"):
        assert name in source, name
