"""Drivers that are installed only where they are wanted: what to do when one is missing."""

_INSTALL = "install it: pip install 'masakari-lite[{}]'"
_PYMYSQL = "use mysql+pymysql://, whose driver is installed with masakari-lite"
_PG8000 = "use postgresql+pg8000:// and install its driver: pip install 'masakari-lite[postgresql]'"
_ADVICE = {
    "etcd3gw": _INSTALL.format("etcd"),
    "redis": _INSTALL.format("redis"),
    "kazoo": _INSTALL.format("zookeeper"),
    "pg8000": _INSTALL.format("postgresql"),
    "psycopg": _PG8000,
    "psycopg2": _PG8000,
    "asyncpg": _PG8000,
    "MySQLdb": _PYMYSQL,
    "mysql": _PYMYSQL,
    "asyncmy": _PYMYSQL,
    "aiomysql": _PYMYSQL,
    "mariadb": _PYMYSQL,
}


def advise(error: BaseException) -> str:
    """Return what to do about a driver that is missing.

    :param error: what its user raised, whichever error of his own is around the import's
    :returns: words to put behind the error's, empty when no driver is missing
    """
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ModuleNotFoundError) and found.name:
            module = found.name.partition(".")[0]
            return f"; {_ADVICE.get(module, f'install the Python package that has the module {module}')}"
        found = found.__cause__ or found.__context__
    return ""
