"""The command, for the tests: in a process of its own, that neither pytest nor coverage slows down."""

import dataclasses
import pathlib
import re
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass
class Result:
    """What the command said.

    :ivar points: kill points tried
    """

    status: int
    output: str
    points: int


def run(*arguments: str) -> Result:
    """Run ``python -m tests.crash`` with these arguments."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash", *arguments],
        cwd=_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    points = re.findall(r"(\d+) kill points", done.stdout)
    return Result(done.returncode, done.stdout, int(points[-1]) if points else 0)
