"""Options that a file names without a value: deployment tools write so what is not set."""

import copy
from collections.abc import Iterable
from typing import Any

from oslo_config import cfg, types


def unset_when_empty(opts: Iterable[cfg.Opt]) -> list[cfg.Opt]:
    """Make options like these that have their default when nothing, or only blanks, is behind the name."""
    made = [copy.copy(opt) for opt in opts]
    change(made)
    return made


def change(opts: Iterable[cfg.Opt]) -> None:
    """Change options themselves, of a library that registers them, too: two that differ cannot be."""
    for opt in opts:
        if opt.default != "" and not isinstance(opt.type, _UnsetWhenEmpty):
            opt.type = _UnsetWhenEmpty(opt.type)


class _UnsetWhenEmpty(types.ConfigType):
    """A type that takes what is empty for not being there, and is like another one elsewhere."""

    def __init__(self, kind: Any) -> None:
        super().__init__(kind.type_name)
        self._kind = kind

    def __call__(self, value: Any) -> Any:
        if isinstance(value, str) and not value.strip():
            raise KeyError(value)  # which oslo.config takes for an option that the file has not
        return self._kind(value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _UnsetWhenEmpty) and self._kind == other._kind

    __hash__ = None  # type: ignore[assignment]  # as the types of oslo.config

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # while it is copied, there is nothing yet
            raise AttributeError(name)
        return getattr(self._kind, name)

    def __repr__(self) -> str:
        return repr(self._kind)

    def format_defaults(self, default: Any, sample_default: Any = None) -> list[str]:
        """Write the default as the sample file has it."""
        return self._kind.format_defaults(default, sample_default)  # type: ignore[no-any-return]

    def _formatter(self, value: Any) -> Any:
        return self._kind._formatter(value)
