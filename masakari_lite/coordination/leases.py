"""Renewing a tooz lock, and checking that it is still ours: what tooz's drivers leave out, too."""

import base64
import time
from typing import Any

import pymysql
import tooz
from tooz.drivers import mysql

from masakari_lite import exceptions


def now() -> float:
    """Return a time that runs on while the process is stopped or the machine suspended, in seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def limit_retries(coordinator: Any) -> None:
    """Have Redis' client try once, so that it is known in time that the server is unreachable.

    It tries 11 times with pauses, and tooz that 15 times: a minute in all while nobody listens, and as many
    lookups of a host whose name server is unreachable, each of which stops all green threads. Neither has an
    option for it, but tooz does not try again after a time-out.
    """
    make_client = getattr(coordinator, "_make_client", None)
    if make_client is None:
        return

    def make_limited_client(*arguments: Any) -> Any:
        client = make_client(*arguments)
        if hasattr(client, "set_retry"):  # is Redis'
            _try_once(client)
        return client

    coordinator._make_client = make_limited_client


def _try_once(client: Any) -> None:
    import redis  # an extra
    from redis import backoff, retry

    client.set_retry(retry.Retry(backoff.NoBackoff(), 0))
    execute = client.execute_command

    def execute_once(*args: Any, **options: Any) -> Any:
        try:
            return execute(*args, **options)
        except redis.ConnectionError as error:
            raise redis.TimeoutError(str(error)) from error

    client.execute_command = execute_once


def set_expiry(lock: Any, lease_time: int) -> None:
    """Have a lock that was just acquired end with its lease.

    MySQL keeps a lock as long as its connection, and that of a machine that lost its power for eight hours.
    Nor does its client give up waiting for a server that has lost its own.
    """
    if isinstance(lock, mysql.MySQLLock):
        lock._conn._read_timeout = lock._conn._write_timeout = max(1, lease_time // 4)
        _ask_mysql(lock, "SET SESSION wait_timeout = %s", lease_time)


def renew(lock: Any) -> bool:
    """Renew a lock's lease.

    :returns: whether the lock is still ours
    :raises Exception: of tooz's driver or its client, when the backend did not answer
    """
    if isinstance(lock, mysql.MySQLLock):
        try:
            return _ask_mysql(lock, "SELECT IS_USED_LOCK(%s) = CONNECTION_ID()", lock.name) == 1
        except pymysql.MySQLError:
            return False  # the lock has ended with its connection
    if hasattr(lock, "_lease"):  # etcd's heartbeat checks neither the lease nor the key
        values = lock._coord.client.get(lock._key.decode())
        return bool(lock._lease.refresh() > 0) and values == [base64.b64decode(lock._uuid)]
    try:
        if not lock.is_still_owner():
            return False
    except tooz.NotImplemented:
        pass
    return bool(lock.heartbeat()) if hasattr(lock, "heartbeat") else True


def _ask_mysql(lock: Any, query: str, argument: object) -> object:
    with lock._conn.cursor() as cursor:
        cursor.execute(query, (argument,))
        row = cursor.fetchone()
    return row[0] if row else None


def hide_password(url: str) -> str:
    """Show where a backend is, and none of what may be a secret, however malformed the URL is."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0]}"


def refuse(url: str, cause: str) -> exceptions.ConfigurationError:
    """Say that a backend cannot be used at all."""
    return exceptions.ConfigurationError(
        f"[coordination] backend_url: {hide_password(url)} cannot be used: {cause}"
    )
