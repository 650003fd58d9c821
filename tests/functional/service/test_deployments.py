"""masakari.conf as deployment tools write it, with values that are made up: the engine works with each."""

import pathlib
import signal
import uuid
from collections.abc import Callable

import pytest
from oslo_config import cfg
from oslo_messaging import conffixture
from oslo_service import _options

from masakari_lite import conf as options
from tests.harness.process import Process
from tests.harness.site import Site

FILES = sorted((pathlib.Path(__file__).parent / "deployments").glob("*.conf"))
DOMAIN_ID = "5d0c2f6a1b9e4c73a8d4f0e6b1c2a397"


def load(path: pathlib.Path) -> cfg.ConfigOpts:
    """Read a file as the engine's command does."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conffixture.ConfFixture(conf)  # registers what a ConfigOpts of one's own lacks
    conf.register_opts(_options.service_opts)
    conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
    options.check(conf)
    return conf


def fill(file: pathlib.Path, site: Site, directory: pathlib.Path) -> pathlib.Path:
    """Write the file with what the site has."""
    path = directory / file.name
    path.write_text(
        file.read_text().format(
            auth_url=site.simulator.auth_url,
            keystone=site.simulator.open_port("/identity"),
            path=f"{site.simulator.url}/identity",
            domain_id=DOMAIN_ID,
            state_path=directory,
            topic=uuid.uuid4(),
            transport_url="fake:/",
            connection=f"sqlite:///{directory}/masakari.sqlite",
        )
    )
    return path


each = pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])


@pytest.fixture
def site(build_site: Callable[..., Site], file: pathlib.Path) -> Site:
    return build_site(cloud={"domain_id": DOMAIN_ID if file.stem == "kolla-ansible" else "default"})


@each
def test_the_engines_command_takes_it(
    site: Site, tmp_path: pathlib.Path, process: Process, file: pathlib.Path
) -> None:
    path = fill(file, site, tmp_path)
    text = path.read_text().replace("log_dir = ", "# log_dir = ")  # the test reads standard error
    path.write_text(text)
    process.start("--config-file", str(path))
    process.until_it_says("Nova answers, at microversion 2.94")
    process.until_it_says("The engine is ready")
    process.signal(signal.SIGTERM)
    assert process.wait() == 0, process.output


@each
def test_the_engine_recovers_a_host(site: Site, tmp_path: pathlib.Path, file: pathlib.Path) -> None:
    site.conf = load(fill(file, site, tmp_path))
    servers = site.add(3)
    assert site.recover()["message"] == "3 succeeded"
    site.assert_evacuated_once(*servers)


def test_there_is_one_of_each_tool() -> None:
    assert [file.stem for file in FILES] == [
        "charm-masakari",
        "devstack",
        "kolla-ansible",
        "openstack-ansible",
        "openstack-helm",
    ]
