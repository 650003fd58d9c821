"""The proof can fail: engines with a mistake are found out, with a command that shows it again."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests.harness.oracle import Invariant
from tests.several import servers

_ROOT = pathlib.Path(__file__).parents[2]


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run ``python -m tests.several``; returns its exit status and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.several", *arguments],
        cwd=_ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("mistake", "invariant"),
    [
        ("act-on-lost-claims", Invariant.ONE_OWNER),
        ("claim-nothing", Invariant.ONE_AT_A_TIME),
    ],
)
def test_a_mistake_is_found_out(mistake: str, invariant: Invariant) -> None:
    if mistake == "act-on-lost-claims" and not os.environ.get(servers.COORDINATION):
        pytest.skip("a claim that is a file is not lost while its process lives")
    status, output = run("--rounds", "4", "--seed", "7", "--limit", "40", "--mistake", mistake)
    assert status == 1, output
    assert f"[{invariant}]" in output
    assert re.search(r"python -m tests\.several --only \d+ --mistake " + mistake, output)


@pytest.mark.parametrize(
    ("name", "url"),
    [
        (servers.TRANSPORT, "rabbit://guest:secret@127.0.0.1:9/"),
        (servers.DATABASE, "mysql+pymysql://root:secret@127.0.0.1:9/"),
        (servers.COORDINATION, "redis://:secret@127.0.0.1:9"),
    ],
)
def test_a_server_that_is_away_is_named_with_how_to_start_it(name: str, url: str) -> None:
    status, output = run(**{name: url})
    assert status == 2
    assert name in output
    assert "apt-get install" in output
    assert "secret" not in output
    assert "Traceback" not in output
