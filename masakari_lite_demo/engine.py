"""A real engine with a real masakari.conf in the demo's process; its transport, fake:/, works only there."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from oslo_config import cfg
from oslo_service import service

from masakari_lite import conf as options
from masakari_lite import logs
from masakari_lite.cli.connection import Connection
from masakari_lite.engine.service import EngineService

_CONFIG = """\
[DEFAULT]
# works only within this process: a real engine has a broker's URL here
transport_url = fake:/
state_path = {directory}
log_file = {directory}/engine.log
host_failure_recovery_threads = {threads}
verify_interval = 1
wait_period_after_service_update = 60
graceful_shutdown_timeout = 20

[database]
connection = sqlite:///{directory}/masakari.sqlite

[nova]
auth_type = password
auth_url = {auth_url}
username = masakari
password = masakari
project_name = service
user_domain_name = Default
project_domain_name = Default
region_name = RegionOne
"""
_ANSWER_TIMEOUT = 20.0


def write_config(directory: pathlib.Path, auth_url: str, threads: int) -> pathlib.Path:
    """Write masakari.conf; returns its path."""
    path = directory / "masakari.conf"
    path.write_text(_CONFIG.format(directory=directory, auth_url=auth_url, threads=threads))
    return path


@contextlib.contextmanager
def running_engine(conf: cfg.ConfigOpts, path: pathlib.Path) -> Iterator[Connection]:
    """Run the engine for the length of the block, then drain it; yields a monitor's connection to it."""
    options.register_opts(conf)
    conf([f"--config-file={path}"], project="masakari", prog="masakari-lite-engine")
    logs.setup(conf)
    launcher = service.launch(conf, EngineService(conf), restart_method="mutate")
    try:
        yield Connection(conf, _ANSWER_TIMEOUT)
    finally:
        launcher.stop()
