"""Configuration files: written for an engine, and read as an engine reads them."""

import pathlib
from collections.abc import Mapping
from typing import Any

from oslo_config import cfg
from oslo_messaging import conffixture

from masakari_lite import conf as options

Groups = dict[str, dict[str, Any]]
"""Options by group."""

NOVA_AUTH = {
    "auth_type": "password",
    "username": "masakari",
    "password": "masakari",
    "project_name": "service",
    "user_domain_name": "Default",
    "project_domain_name": "Default",
}
"""The [nova] options of the simulator's user, but for its auth_url."""


def change(groups: Groups, changes: Mapping[str, Any]) -> Groups:
    """Return the options with some changed.

    :param changes: ``group__name=value``; without a group it is of [DEFAULT]; None leaves the option out
    """
    changed = {group: dict(values) for group, values in groups.items()}
    for name, value in changes.items():
        group, _, option = name.rpartition("__")
        changed.setdefault(group or "DEFAULT", {})[option] = value
    return changed


def write(path: pathlib.Path, groups: Groups, **changes: Any) -> pathlib.Path:
    """Write a configuration file; returns its path."""
    lines = []
    for group, values in change(groups, changes).items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {value}" for name, value in values.items() if value is not None]
    path.write_text("\n".join([*lines, ""]))
    return path


def load(path: pathlib.Path) -> cfg.ConfigOpts:
    """Read a configuration file."""
    conf = cfg.ConfigOpts()
    options.register_opts(conf)
    conffixture.ConfFixture(conf)  # registers what a ConfigOpts of one's own lacks
    conf([], project="masakari", default_config_files=[str(path)], default_config_dirs=[])
    return conf
