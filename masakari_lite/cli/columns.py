"""How values look in a table; with -f json and -f yaml they stay what they are."""

from __future__ import annotations

from typing import Any

from cliff.columns import FormattableColumn

from masakari_lite.models import JsonDict


class Fields(FormattableColumn):  # type: ignore[type-arg, unused-ignore]
    """A dict, one line a field."""

    def human_readable(self) -> str:
        """Write ``name=value`` lines."""
        return "\n".join(f"{name}={value}" for name, value in sorted(self._value.items()))


class Workflow(FormattableColumn):  # type: ignore[type-arg, unused-ignore]
    """The tasks of a recovery, with what they noted."""

    def human_readable(self) -> str:
        """Write a line a task, and indented below it a line for each note."""
        return "\n".join(line for task in self._value for line in _describe_task(task))


def _describe_task(task: JsonDict) -> list[str]:
    head = f"{task['name']}: {task['state']}, {task['progress']:.0%}"
    return [head, *(f"  {note['timestamp']} {note['message']}" for note in task["progress_details"])]


def pick(record: JsonDict, columns: tuple[str, ...]) -> tuple[Any, ...]:
    """Take the columns of a record in their order; an absent value is empty."""
    return tuple("" if record.get(column) is None else record[column] for column in columns)
