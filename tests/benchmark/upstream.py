"""Masakari's own engine, from PyPI in a virtualenv of its own, on the devcloud."""

import contextlib
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

from masakari_lite import polling
from tests.benchmark.clouds import RealCloud
from tests.benchmark.runs import Figures
from tests.harness import settings
from tests.harness.program import Program
from tools.devcloud.database import run_sql

_LIMIT = 3600
_PACKAGES = ("masakari==22.0.0", "PyMySQL", "python-memcached")
_CLIENT = pathlib.Path(__file__).with_name("upstream_client.py")
_DATABASE = "masakari_upstream"


def run(cloud: RealCloud, threads: int, wait: int, directory: pathlib.Path) -> Figures:
    """Have Masakari recover all hosts; its database and its engine are new.

    Its hosts are forced down first, as whoever fences them does: it does not do that itself.

    :param wait: seconds, its wait_period_after_service_update
    """
    virtualenv = _install(cloud)
    config = _configure(cloud, threads, wait, directory)
    command = [virtualenv / "bin/masakari-manage", "--config-file", config, "db", "sync"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with _running(virtualenv, config, directory) as engine:
        at_rest, cpu = engine.read_memory(), engine.read_cpu()
        cloud.fail()
        cloud.force_down()
        order = {
            "config": str(config),
            "hosts": list(cloud.hosts),
            "other_hosts": [host for host in cloud.all_hosts if host not in cloud.hosts],
        }
        done = subprocess.run(
            [virtualenv / "bin/python", _CLIENT],
            input=json.dumps(order),
            capture_output=True,
            text=True,
            check=False,
            timeout=_LIMIT,
        )
        if done.returncode:
            raise SystemExit(f"Masakari could not be notified: {done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        if set(found["statuses"]) != {"finished"}:
            raise SystemExit(f"Masakari: {found['statuses']}\n{engine.output[-3000:]}")
        usage = cloud.read_usage()
        cpu = engine.read_cpu() - cpu
        memory = engine.read_memory("VmHWM")
    return Figures(
        found["wall"],
        found["begun"],
        usage,
        cpu=cpu / sum(map(len, cloud.hosts.values())),
        memory=memory,
        memory_at_rest=at_rest,
    )


def _install(cloud: RealCloud) -> pathlib.Path:
    """Install Masakari beside the devcloud, unless it is there."""
    virtualenv = cloud.directory / "masakari-venv"
    if not (virtualenv / "bin/masakari-engine").exists():
        print(f"installing {_PACKAGES[0]} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", virtualenv], check=True)
        install = [virtualenv / "bin/pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES]
        subprocess.run(install, check=True)
    return virtualenv


def _configure(cloud: RealCloud, threads: int, wait: int, directory: pathlib.Path) -> pathlib.Path:
    """Empty its database, and write its configuration."""
    database = cloud.settings.database_prefix + _DATABASE
    create = f"CREATE DATABASE `{database}` CHARACTER SET utf8mb4"
    run_sql(cloud.settings, f"DROP DATABASE IF EXISTS `{database}`", create)
    nova = cloud.nova
    connection = cloud.settings.database(_DATABASE)
    groups: settings.Groups = {
        "DEFAULT": {
            "transport_url": cloud.settings.transport_url,
            "state_path": directory,
            "host": "benchmark",
            "wait_period_after_service_update": wait,
            "host_failure_recovery_threads": threads,
            "os_region_name": nova["region_name"],
            "os_privileged_user_name": nova["username"],
            "os_privileged_user_password": nova["password"],
            "os_privileged_user_tenant": nova["project_name"],
            "os_privileged_user_auth_url": nova["auth_url"],
        },
        "database": {"connection": connection},
        "taskflow": {"connection": connection.partition("?")[0]},
        "oslo_concurrency": {"lock_path": directory},
        "keystone_authtoken": {
            name: nova[name]
            for name in (
                "auth_type",
                "auth_url",
                "username",
                "password",
                "project_name",
                "user_domain_name",
                "project_domain_name",
            )
        },
    }
    return settings.write(directory / "masakari.conf", groups)


@contextlib.contextmanager
def _running(virtualenv: pathlib.Path, config: pathlib.Path, directory: pathlib.Path) -> Iterator[Program]:
    command = [str(virtualenv / "bin/masakari-engine"), "--config-file", str(config)]
    engine = Program(directory / "masakari-engine.log", command, PYTHONPATH="", OS_SERVICE_TYPE="")
    engine.start()
    try:
        polling.wait_until(lambda: _listens(engine), 0.5, 120, "Masakari's engine")
        yield engine
    finally:
        engine.kill()


def _listens(engine: Program) -> bool:
    if not engine.is_running:
        raise SystemExit(f"Masakari's engine has ended: {engine.output[-3000:]}")
    return "Starting ha_engine" in engine.output
