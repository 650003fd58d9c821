"""The devcloud's settings, as DEVCLOUD_* variables give them."""

import pytest

from tools.devcloud.errors import DevcloudError
from tools.devcloud.settings import Settings


@pytest.fixture
def environment(tmp_path):
    return {"DEVCLOUD_DIR": str(tmp_path)}


def test_a_variable_sets_its_field(environment):
    settings = Settings.from_environment(environment | {"DEVCLOUD_NUM_COMPUTES": "2"})
    assert settings.hosts == ["compute1", "compute2"]


def test_an_empty_variable_is_none(environment):
    settings = Settings.from_environment(environment | {"DEVCLOUD_NUM_COMPUTES": ""})
    assert settings == Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("NUM_COMPUTES", "many", "DEVCLOUD_NUM_COMPUTES='many' is not a number"),
        ("NUM_COMPUTES", "0", "DEVCLOUD_NUM_COMPUTES must be 1 or more"),
        ("SERVICE_DOWN_TIME", "10", "must be greater than DEVCLOUD_REPORT_INTERVAL"),
    ],
)
def test_a_wrong_value_is_named(environment, name, value, said):
    with pytest.raises(DevcloudError, match=said):
        Settings.from_environment(environment | {f"DEVCLOUD_{name}": value})


def test_other_commands_use_what_the_last_up_used(environment):
    used = Settings.from_environment(environment | {"DEVCLOUD_PORT_NOVA": "28774"})
    used.save()
    assert Settings.load(environment | {"DEVCLOUD_PORT_NOVA": "38774"}) == used


def test_without_a_cloud_there_is_nothing_to_load(environment):
    with pytest.raises(DevcloudError, match="bring it up first"):
        Settings.load(environment)


def test_the_state_directory_is_the_users_cache_by_default():
    settings = Settings.from_environment({"XDG_CACHE_HOME": "/cache"})
    assert settings.path("log") == settings.path() / "log"
    assert str(settings.path()) == "/cache/masakari-lite-devcloud"


def test_a_given_database_server_is_used(environment):
    given = {"DEVCLOUD_DATABASE_URL": "mysql://root:x@db:3307/", "DEVCLOUD_DATABASE_PREFIX": "ci_"}
    settings = Settings.from_environment(environment | given)
    assert settings.database("nova") == "mysql+pymysql://root:x@db:3307/ci_nova?charset=utf8mb4"


def test_the_virtual_host_is_quoted(environment):
    settings = Settings.from_environment(environment | {"DEVCLOUD_RABBIT_VHOST": "a/b"})
    assert settings.transport_url.endswith(":5672/a%2Fb")
