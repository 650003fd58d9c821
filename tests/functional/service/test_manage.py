"""masakari-lite-manage, the installed command, beside engines that work."""

import datetime
import pathlib
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable

import pytest

from masakari_lite_simulator import Server
from tests.harness.monitor import HOST
from tests.harness.process import Process
from tests.harness.site import Site, running_engine

COMMAND = pathlib.Path(sys.executable).parent / "masakari-lite-manage"

Manage = Callable[..., "Result"]


class Result:
    """What the command left behind."""

    def __init__(self, done: "subprocess.CompletedProcess[str]") -> None:
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr


@pytest.fixture
def manage(tmp_path: pathlib.Path) -> Manage:
    """Run the command on a configuration file; the site's by default."""

    def run(*arguments: str, path: pathlib.Path | None = None) -> Result:
        command = [COMMAND, "--config-file", path or tmp_path / "masakari.conf", *arguments]
        return Result(subprocess.run(command, capture_output=True, text=True, timeout=60, check=False))

    return run


def make_old(site: Site, tmp_path: pathlib.Path, *uuids: str, days: int = 40) -> None:
    """Let what has ended have done so long ago."""
    moment = str(datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - datetime.timedelta(days=days))
    with sqlite3.connect(tmp_path / "masakari.sqlite") as database:
        for table in ("notifications", "vmoves"):
            for uuid in uuids:
                query = f"UPDATE {table} SET updated_at = ? WHERE notification_uuid = ?"
                assert database.execute(query, (moment, uuid)).rowcount
    database.close()


def leave_old(site: Site, tmp_path: pathlib.Path) -> str:
    """Recover an instance, a long time ago."""
    site.add(1)
    uuid: str = site.recover()["notification_uuid"]
    make_old(site, tmp_path, uuid)
    return uuid


def test_a_journal_is_made_and_told_of(process: Process, manage: Manage, tmp_path: pathlib.Path) -> None:
    process.configure(nova__auth_type=None)  # is not needed for that
    path = tmp_path / "masakari.sqlite"
    told = manage("db", "version", path=process.path)
    assert (told.status, "at revision none, this release needs" in told.out) == (0, True)
    refused = manage("db", "purge", path=process.path)
    assert (refused.status, refused.out) == (1, "")
    assert re.fullmatch(r"masakari-lite-manage: .*run 'masakari-lite-manage db sync' with.*\n", refused.err)
    assert not path.exists()
    for _ in range(2):
        made = manage("db", "sync", path=process.path)
        assert (made.status, "Traceback" in made.err) == (0, False)
        assert re.search(r"at revision \d+, as this release needs it", made.out)
    assert path.exists()
    assert manage("db", "version", path=process.path).out == made.out


def test_a_database_that_is_not_the_journals_is_left_alone(
    process: Process, manage: Manage, tmp_path: pathlib.Path
) -> None:
    """Taskflow's tables, beside Masakari's, use the same version table."""
    process.configure()
    with sqlite3.connect(tmp_path / "masakari.sqlite") as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('0bc3e1a3c135')")
    database.close()
    for command in ("sync", "purge"):
        refused = manage("db", command, path=process.path)
        assert (refused.status, "0bc3e1a3c135, which this release does not know" in refused.err) == (1, True)
        assert "Traceback" not in refused.err
    assert process.run("--config-file", str(process.path), "--upgrade-db")[0] == 1


def test_a_purge_tells_what_it_deletes(site: Site, manage: Manage, tmp_path: pathlib.Path) -> None:
    uuid = leave_old(site, tmp_path)
    tried = manage("db", "purge", "--dry-run")
    assert (tried.status, tried.out) == (0, "to be deleted: 1 notifications, 1 vmoves\n")
    assert site.engine.api.get_notification(uuid)
    assert manage("db", "purge", "--age-in-days", "41").out == "deleted: 0 notifications, 0 vmoves\n"
    assert manage("db", "purge", "--max_rows", "1").out == "deleted: 0 notifications, 1 vmoves\n"
    assert manage("db", "purge", "--age_in_days", "30").out == "deleted: 1 notifications, 0 vmoves\n"
    assert not site.engine.api.list_notifications()


def test_what_is_kept_is_told(site: Site, manage: Manage, tmp_path: pathlib.Path) -> None:
    uuid = leave_old(site, tmp_path)
    with sqlite3.connect(tmp_path / "masakari.sqlite") as database:
        database.execute("UPDATE notifications SET status = 'error'")
    database.close()
    told = manage("db", "purge")
    assert told.out.splitlines() == [
        "deleted: 0 notifications, 0 vmoves",
        "kept: 1 notifications as old that have not ended (new, running or error)",
    ]
    assert site.engine.api.get_notification(uuid)


def test_the_engine_recovers_meanwhile(
    build_site: Callable[..., Site], manage: Manage, tmp_path: pathlib.Path
) -> None:
    site = build_site(cloud={"evacuation_latency": 1.5})
    leave_old(site, tmp_path)
    site.cloud.start_host(HOST)
    servers = site.add(6)
    notification = site.begin(payload={"event": "STOPPED", "host_status": "NORMAL"})
    assert manage("db", "purge").out == "deleted: 1 notifications, 1 vmoves\n"
    assert site.engine.wait(notification)["status"] == "finished"
    site.assert_evacuated_once(*servers)


def fill(site: Site, server: Server) -> None:
    """Leave no room for an instance, so that Nova puts it into error."""
    site.cloud.no_valid_host(server.uuid)


def test_what_a_recovery_goes_on_with_stays(
    build_site: Callable[..., Site], manage: Manage, tmp_path: pathlib.Path
) -> None:
    """The state that an instance had before its first, failed evacuation."""
    site = build_site(host_failure__evacuation_attempts=1)
    (server,) = site.add(1)
    fill(site, server)
    first = site.recover()
    assert (first["status"], server.vm_state) == ("failed", "error")
    assert manage("db", "purge", "--age_in_days", "0").out == "deleted: 0 notifications, 0 vmoves\n"
    site.cloud.no_valid_host(server.uuid, times=0)
    second = site.engine.recover()
    assert second["status"] == "finished"
    assert site.vmove(second, server)["vm_state"] == "active"
    assert (server.host == HOST, server.vm_state) == (False, "active")


def test_a_vmove_with_a_lock_of_ours_stays(site: Site, manage: Manage, tmp_path: pathlib.Path) -> None:
    """No engine has run since: the next one removes the lock."""
    uuid = leave_old(site, tmp_path)
    site.stop()
    with sqlite3.connect(tmp_path / "masakari.sqlite") as database:
        database.execute("UPDATE vmoves SET locked_by_us = 1")
    database.close()
    told = manage("db", "purge").out
    assert "kept: 1 notifications as old of which an engine has an instance to check" in told
    with running_engine(site.conf) as engine:
        assert engine.api.get_notification(uuid)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"database__connection": "oracle_of_delphi://x/y"}, "oracle_of_delphi"),
        (
            {"database__connection": "sqlite:////no/such/directory/journal.sqlite"},
            "unable to open database file",
        ),
        ({"database__max_retries": "many"}, "max_retries"),
    ],
)
def test_what_cannot_work_is_told_in_one_line(
    process: Process, manage: Manage, changes: dict[str, str], words: str
) -> None:
    process.configure(**changes)
    told = manage("db", "sync", path=process.path)
    assert told.status == 1
    assert "Traceback" not in told.err
    assert words in told.err.splitlines()[-1]
    assert told.err.splitlines()[-1].startswith("masakari-lite-manage: ")


def test_a_missing_configuration_file_is_named(manage: Manage) -> None:
    told = manage("db", "sync", path=pathlib.Path("/nonexistent/masakari.conf"))
    assert told.status != 0
    assert "/nonexistent/masakari.conf" in told.err
    assert "Traceback" not in told.err
