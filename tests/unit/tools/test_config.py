"""The services' configuration files are complete: each name in a template has its value."""

import pytest

from tools.devcloud import config
from tools.devcloud.settings import Settings


@pytest.fixture
def settings(tmp_path):
    settings = Settings.from_environment({"DEVCLOUD_DIR": str(tmp_path), "DEVCLOUD_SERVICE_DOWN_TIME": "17"})
    config.write_all(settings)
    return settings


def test_a_setting_comes_to_the_services(settings):
    assert "service_down_time = 17\n" in settings.path("etc", "nova.conf").read_text()


def test_each_compute_has_a_file_of_its_own(settings):
    for host in settings.hosts:
        assert f"host = {host}\n" in settings.path("etc", f"nova-{host}.conf").read_text()


def test_a_server_has_its_port(settings):
    path = config.write_gunicorn(settings, "nova", "a:b", settings.port_nova, 2, 8)
    assert str(settings.port_nova) in path.read_text()
