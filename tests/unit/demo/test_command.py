"""The command masakari-lite demo."""

import importlib.util

import pytest

from masakari_lite.cli.errors import CommandError
from masakari_lite_demo.command import Demo


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    command = Demo(None, None)
    arguments = command.get_parser("masakari-lite demo").parse_args([])
    with pytest.raises(CommandError, match=r"pip install 'masakari-lite\[demo\]'"):
        command.take_action(arguments)
