"""A disk that really is full under the journal's SQLite file."""

import contextlib
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from tests.services.stage import Stage

_SIZE = 4 * 1024 * 1024
_OUTAGE = 5.0  # of several looks into the journal


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A small file system of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        pytest.skip(f"a small file system can't be mounted: {error}")
    if done.returncode:
        pytest.skip(f"a small file system can't be mounted (it takes root): {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: pathlib.Path) -> pathlib.Path:
    """Write until there is no room; return the file to delete."""
    path = disk / "filler"
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
    assert os.statvfs(disk).f_bavail == 0
    return path


def test_with_a_full_disk_nobody_is_locked_out_and_it_goes_on_when_there_is_room(
    build_stage: Callable[..., Stage], disk: pathlib.Path
) -> None:
    stage = build_stage(database__connection=f"sqlite:///{disk}/masakari.sqlite")
    notification = stage.begin()
    filler = fill(disk)
    stage.process.until_it_says("resumed when the journal answers")
    stage.until(lambda: not stage.count_our_locks())
    stage.process.until_it_says("No recovery can be started")
    assert "database or disk is full" in stage.process.output
    sent = stage.count_changes()
    time.sleep(_OUTAGE)
    assert stage.count_changes() == sent, "nothing is asked of Nova that is not written"
    filler.unlink()
    stage.wait_for_end(notification)
    stage.assert_ended_well()
    stage.assert_said_once(
        "resumed when the journal answers",
        "No recovery can be started",
        "Recoveries can be started again",
        "Resuming the recovery of host",
    )
