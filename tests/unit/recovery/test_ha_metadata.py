"""Which metadata mark an instance, and which only look as if they did."""

import pytest

from masakari_lite.models import Instance
from masakari_lite.recovery.host.ha_metadata import describe_mistake, is_ha_enabled

KEY = "HA_Enabled"


def build_instance(**metadata):
    return Instance("uuid", "guest", "compute-1", "active", None, 1, metadata=metadata)


TRUE = ("true", "True", "TRUE", " true ", "\ttrue\n", "t", "1", "yes", "Yes", "y", "on", "ON")
FALSE = ("false", "False", "no", "off", "0", "n", "f", " false ")


@pytest.mark.parametrize("value", TRUE)
def test_what_is_true(value):
    instance = build_instance(HA_Enabled=value)
    assert is_ha_enabled(instance, KEY)
    assert describe_mistake(instance, KEY) == ""


@pytest.mark.parametrize("value", FALSE)
def test_what_is_false(value):
    instance = build_instance(HA_Enabled=value)
    assert not is_ha_enabled(instance, KEY)
    assert describe_mistake(instance, KEY) == ""


@pytest.mark.parametrize("value", ["ture", "", "enabled", "2", "1.0", "yes please", "none", "\u202eeurt"])
def test_what_is_neither_is_told(value):
    instance = build_instance(HA_Enabled=value)
    assert not is_ha_enabled(instance, KEY)
    assert describe_mistake(instance, KEY) == f"its metadata HA_Enabled={value!r} is neither true nor false"


@pytest.mark.parametrize(
    "key",
    [
        "ha_enabled",
        "HA_ENABLED",
        "HA_Enabled ",
        " HA_Enabled",
        "HA-Enabled",
        "HAEnabled",
        "HA Enabled",
        "ha:enabled",
    ],
)
@pytest.mark.parametrize("value", ["true", "1", "ture"])
def test_another_spelling_of_the_key_is_told(key, value):
    instance = build_instance(**{key: value})
    assert not is_ha_enabled(instance, KEY)
    assert describe_mistake(instance, KEY) == (
        f"its metadata {key!r}: {value!r} does not count, as the key must be HA_Enabled"
    )


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"ha_enabled": "false"},
        {"HA_Enabled": "false", "ha_enabled": "true"},
        {"HA_Enabled": "true", "ha_enabled": "ture"},
        {"HA_Enabled_by": "true"},
        {"HA": "true"},
    ],
)
def test_what_looks_like_no_mistake_is_not_told(metadata):
    assert describe_mistake(build_instance(**metadata), KEY) == ""
