"""The metadata by which its owner marks an instance as to be recovered first, or at all."""

from oslo_utils import strutils

from masakari_lite.models import Instance


def is_ha_enabled(instance: Instance, key: str) -> bool:
    """Return whether an instance is marked; its metadata's words for true are those that Masakari takes.

    :param key: of the metadata, ``HA_Enabled`` by default
    """
    return bool(strutils.bool_from_string(instance.metadata.get(key)))


def describe_mistake(instance: Instance, key: str) -> str:
    """Describe what its owner may have meant, where an instance looks marked and is not; else empty."""
    if key in instance.metadata:
        value = instance.metadata[key]
        if _is_boolean(value):
            return ""
        return f"its metadata {key}={value!r} is neither true nor false"
    for other, value in instance.metadata.items():
        if _spell(other) == _spell(key) and strutils.bool_from_string(value, default=True):
            return f"its metadata {other!r}: {value!r} does not count, as the key must be {key}"
    return ""


def _is_boolean(value: str) -> bool:
    words = (*strutils.TRUE_STRINGS, *strutils.FALSE_STRINGS)
    return value.strip().lower() in words


def _spell(key: str) -> str:
    """Leave of a key what is left when case, blanks and hyphens are mistaken."""
    return "".join(filter(str.isalnum, key)).casefold()
