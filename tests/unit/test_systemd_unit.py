"""The sample unit: systemd takes it, and it fits the engine."""

import configparser
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from oslo_config import cfg
from oslo_service import _options

from masakari_lite.conf import engine as engine_conf
from masakari_lite.health import heartbeat

UNIT = pathlib.Path(__file__).parents[2] / "etc/systemd/system/masakari-lite-engine.service"


@pytest.fixture
def unit():
    parser = configparser.RawConfigParser()
    parser.optionxform = str
    parser.read(UNIT)
    return parser


def test_it_starts_a_command_that_there_is(unit):
    command, *arguments = unit["Service"]["ExecStart"].split()
    assert (pathlib.Path(sys.executable).parent / pathlib.Path(command).name).exists()
    assert arguments[0] == "--config-file"


def test_its_limits_fit_the_engines(unit):
    service = unit["Service"]
    conf = cfg.ConfigOpts()
    conf.register_opts(_options.service_opts)
    engine_conf.register_opts(conf)
    conf([], default_config_files=[], default_config_dirs=[])
    assert int(service["TimeoutStopSec"]) > conf.graceful_shutdown_timeout
    assert int(service["WatchdogSec"]) >= heartbeat.LIMIT
    assert f"/var/lib/{service['StateDirectory']}" == conf.state_path


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_understands_it(tmp_path):
    text = UNIT.read_text().replace("/opt/masakari-lite/bin", os.path.dirname(sys.executable))
    path = tmp_path / UNIT.name
    path.write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(path)], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, said) == (0, [])
