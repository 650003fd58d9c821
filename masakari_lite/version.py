"""The release that is installed."""

from importlib import metadata

RELEASE = metadata.version("masakari-lite")
