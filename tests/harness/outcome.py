"""What came of a run, and how it is shown when something is wrong."""

import dataclasses

from tests.harness.oracle import Violation


@dataclasses.dataclass(kw_only=True)
class Outcome:
    """What came of a run.

    :ivar log: the end of the engines' logs, where something is wrong
    """

    seconds: float = 0.0
    violations: list[Violation] = dataclasses.field(default_factory=list)
    log: str = ""

    def describe(self, subject: str, *commands: str) -> str:
        """Write what is wrong.

        :param subject: the run
        :param commands: what shows it again
        """
        lines = [f"VIOLATION {subject}:", *(f"  {violation}" for violation in self.violations)]
        lines += ["the end of the engines' logs:", *(f"  | {line}" for line in self.log.splitlines())]
        # which of two green threads or processes is first is not drawn from the seed
        lines += ["to see it again (not always at the first try):", *(f"  {command}" for command in commands)]
        return "\n".join(lines)


def tail(log: str, lines: int) -> str:
    """Return the end of a log."""
    return "\n".join(log.splitlines()[-lines:])
