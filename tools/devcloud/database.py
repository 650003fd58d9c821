"""The database server: MariaDB with a data directory of its own, or one that the user names."""

import getpass
import pathlib
import shutil
import subprocess

from tools.devcloud import install, processes
from tools.devcloud.errors import CommandError
from tools.devcloud.processes import Daemon, Supervisor
from tools.devcloud.settings import DATABASES, Settings

NAME = "mariadb"
_SQL = install.HELPERS / "sql.py"


def install_server(settings: Settings) -> None:
    """Install MariaDB, unless the user has named a server."""
    if not settings.database_url:
        packages = [
            "mariadb-server-core",
            "mariadb-client-core",
        ]  # mariadb-install-db needs a program of both
        install.install_debian_packages(packages, "mariadbd", settings.path("log", "apt.log"))


def start(settings: Settings, supervisor: Supervisor) -> None:
    """Start our own server if the user named none, and create the databases.

    :raises DevcloudError: when the server can't be reached
    """
    if not settings.database_url:
        _start_own(settings, supervisor)
    names = (settings.database_prefix + name for name in DATABASES)
    run_sql(settings, *(f"CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4" for name in names))


def drop(settings: Settings) -> None:
    """Drop the databases from a server that the user named; our own goes with its files."""
    if settings.database_url:
        names = (settings.database_prefix + name for name in DATABASES)
        run_sql(settings, *(f"DROP DATABASE IF EXISTS `{name}`" for name in names))


def run_sql(settings: Settings, *statements: str) -> list[list[str]]:
    """Run statements of one line each; returns the rows.

    :raises CommandError: with what the server said
    """
    done = subprocess.run(
        [settings.program("python"), str(_SQL), settings.server_url],
        input="\n".join(statements),
        capture_output=True,
        text=True,
        env=processes.environment({}),
        check=False,
    )
    if done.returncode:
        server = settings.server_url.rpartition("@")[2]
        raise CommandError(f"database server {server}: {done.stderr.strip().splitlines()[-1]}")
    return [line.split("\t") for line in done.stdout.splitlines()]


def _start_own(settings: Settings, supervisor: Supervisor) -> None:
    data = settings.path("state", "mariadb")
    if not (data / "mysql").is_dir():
        _create_data_directory(settings, data)
    supervisor.start(_daemon(settings, data))
    supervisor.wait_for(lambda: _answers(settings), "MariaDB", daemon=NAME, limit=60)


def _create_data_directory(settings: Settings, data: pathlib.Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    install_db = shutil.which("mariadb-install-db") or "mariadb-install-db"
    options = ["--no-defaults", f"--user={getpass.getuser()}", f"--datadir={data}", "--skip-test-db"]
    processes.run([install_db, *options], settings.path("log", "mariadb-install.log"))


def _daemon(settings: Settings, data: pathlib.Path) -> Daemon:
    options = [
        "--no-defaults",
        f"--user={getpass.getuser()}",
        f"--datadir={data}",
        f"--init-file={_write_accounts(settings)}",
        f"--socket={data}/socket",
        f"--pid-file={data}/pid",
        f"--port={settings.port_mariadb}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--max-connections=1000",
        # what a crash would lose is of no worth here; not to sync makes the schemas come much faster
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-flush-method=nosync",
        "--innodb-buffer-pool-size=256M",
        "--performance-schema=OFF",
    ]
    return Daemon(NAME, ["mariadbd", *options])


def _write_accounts(settings: Settings) -> pathlib.Path:
    """Write what the server does whenever it starts: the one account is ours."""
    path = settings.path("etc", "mariadb-accounts.sql")
    path.touch(mode=0o600)
    path.write_text(
        f"GRANT ALL ON *.* TO devcloud@'127.0.0.1' IDENTIFIED BY '{settings.password}' WITH GRANT OPTION;\n"
        "DELETE FROM mysql.global_priv WHERE User IN ('root', '');\n"
        "FLUSH PRIVILEGES;\n"
    )
    return path


def _answers(settings: Settings) -> bool:
    try:
        return run_sql(settings, "SELECT 1") == [["1"]]
    except CommandError:
        return False
