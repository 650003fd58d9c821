"""The devcloud's packages: each pinned, each once, so that pip has nothing to resolve."""

import re

import pytest

from tools.devcloud import install

PACKAGES = [line for line in install.VERSIONS.read_text().splitlines() if line and not line.startswith("#")]


def test_all_are_pinned():
    assert [line for line in PACKAGES if not re.fullmatch(r"[\w.\-\[\]]+==[\w.]+", line)] == []


def test_each_comes_once():
    names = [line.partition("==")[0].lower() for line in PACKAGES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "name", ["nova", "keystone", "openstack-placement", "glance", "neutron", "PyMySQL", "gunicorn"]
)
def test_what_the_cloud_runs_is_there(name):
    assert [line for line in PACKAGES if line.lower().startswith(name.lower() + "==")]
