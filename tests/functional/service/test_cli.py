"""masakari-lite against a running engine, and against none."""

import csv
import io
import json
import pathlib
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from oslo_config import cfg
from oslo_messaging import conffixture

from masakari_lite.cli.app import MasakariLiteApp
from tests.harness.monitor import HOST
from tests.harness.site import Site

Run = Callable[..., "Result"]


class Result:
    """What a command left behind."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status = status
        self.out = out
        self.err = err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run_with(*arguments: str) -> Result:
    """Run a command in this process: fake:/ reaches no other."""
    conf = cfg.ConfigOpts()
    conffixture.ConfFixture(conf)
    out, err = io.StringIO(), io.StringIO()
    status = MasakariLiteApp(conf, stdout=out, stderr=err).run(list(arguments))
    return Result(status, out.getvalue(), err.getvalue())


@pytest.fixture
def run(site: Site, tmp_path: pathlib.Path) -> Run:
    """Run a command on the site's masakari.conf, beside its engine."""
    assert site.engine

    def run(*arguments: str) -> Result:
        return run_with("--config-file", str(tmp_path / "masakari.conf"), "--timeout", "10", *arguments)

    return run


def create(run: Run, *arguments: str) -> Result:
    return run("notification", "create", "--hostname", HOST, *arguments)


def fail_host(site: Site, instances: int = 3) -> list[str]:
    uuids = [site.cloud.add_server(HOST).uuid for _ in range(instances)]
    site.cloud.fail_host(HOST)
    return uuids


# create


def test_create_answers_at_once(site: Site, run: Run) -> None:
    fail_host(site)
    result = create(run, "-f", "json")
    assert result.status == 0, result.err
    assert result.json["status"] == "new"
    assert site.engine.wait(result.json["notification_uuid"])["status"] == "finished"


def test_create_waits_and_tells_how_it_goes(site: Site, run: Run) -> None:
    uuids = fail_host(site)
    result = create(run, "--wait", "-f", "json")
    assert result.status == 0, result.err
    assert result.json["status"] == "finished"
    assert result.json["message"] == "3 succeeded"
    for uuid_ in uuids:
        assert any(uuid_ in line and "succeeded" in line for line in result.err.splitlines())


def test_create_ends_badly_when_the_recovery_does(site: Site, run: Run) -> None:
    uuids = fail_host(site)
    site.cloud.no_valid_host(uuids[0])
    result = create(run, "--wait", "-f", "json")
    assert result.status == 1
    assert result.json["status"] == "error"
    assert f"{uuids[0]}: Nova found no host" in result.json["message"]


def test_create_gives_up_waiting(build_site: Callable[..., Site], tmp_path: pathlib.Path) -> None:
    site = build_site({"evacuation_latency": 2.0})
    assert site.engine
    fail_host(site)
    config = ["--config-file", str(tmp_path / "masakari.conf")]
    result = run_with(
        *config, "notification", "create", "--hostname", HOST, "--wait", "--wait-timeout", "0.1"
    )
    assert result.status == 1
    assert "is not completed within 0.1 s" in result.err
    assert "masakari-lite notification show" in result.err


def test_create_again_with_the_same_uuid_gives_the_same(site: Site, run: Run) -> None:
    fail_host(site)
    wanted = str(uuid.uuid4())
    arguments = ("--notification-uuid", wanted, "--wait", "-f", "json")
    assert create(run, *arguments).json["notification_uuid"] == wanted
    again = create(run, *arguments)
    assert again.status == 0
    assert (again.json["notification_uuid"], again.json["attempts"]) == (wanted, 1)


def test_create_twice_is_a_duplicate(build_site: Callable[..., Site], tmp_path: pathlib.Path) -> None:
    site = build_site({"service_down_time": 60.0})
    assert site.engine
    fail_host(site)
    arguments = ["--config-file", str(tmp_path / "masakari.conf"), "notification", "create"]
    first = run_with(*arguments, "--hostname", HOST, "-f", "json")
    second = run_with(*arguments, "--hostname", HOST)
    assert second.status == 1
    assert f"notification {first.json['notification_uuid']} is the same" in second.err
    assert len(second.err.splitlines()) == 1
    site.cloud.force_down(HOST)
    site.engine.wait(first.json["notification_uuid"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--host-status", "MAYBE"), "payload.host_status: 'MAYBE' is not one of"),
        (("--generated-time", "noon"), "generated_time: 'noon' is not a valid date-time"),
        (("--notification-uuid", "7"), "notification_uuid: '7' is not a valid uuid"),
        (("--hostname", "a b"), "hostname: has characters that are not allowed"),
        (("--process-name", "nova-compute"), "--process-name does not belong to --type COMPUTE_HOST"),
        (("--type", "PROCESS"), "--process-name must be given with --type PROCESS"),
    ],
)
def test_create_refuses_bad_input_by_name(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = create(run, *arguments)
    assert result.status == 1
    assert message in result.err
    assert len(result.err.splitlines()) == 1
    assert result.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("--type", "PROCESS", "--process-name", "nova-compute"),
        ("--type", "VM", "--instance-uuid", str(uuid.uuid4()), "--vir-domain-event", "STOPPED_FAILED"),
        ("--host-status", "UNKNOWN", "--cluster-status", "OFFLINE"),
    ],
)
def test_create_shows_why_a_notification_is_ignored(run: Run, arguments: tuple[str, ...]) -> None:
    result = create(run, *arguments, "-f", "json")
    assert result.status == 0, result.err
    assert result.json["status"] == "ignored"
    assert result.json["message"]


# list and show


def test_list_filters(site: Site, run: Run) -> None:
    create(run, "--event", "STARTED")
    create(run, "--type", "PROCESS", "--process-name", "libvirtd")
    found = run("notification", "list", "--type", "PROCESS", "--status", "ignored", "-f", "json").json
    assert [one["type"] for one in found] == ["PROCESS"]
    assert len(run("notification", "list", "-f", "json").json) == 2
    assert len(run("notification", "list", "--limit", "1", "-f", "json").json) == 1
    assert run("notification", "list", "--hostname", "elsewhere", "-f", "json").json == []


def test_list_refuses_a_bad_limit(run: Run) -> None:
    result = run("notification", "list", "--limit", "0")
    assert result.status == 1
    assert "filters.limit: 0 is less than the minimum of 1" in result.err


@pytest.mark.parametrize("form", ["json", "yaml", "table", "value"])
def test_show_has_the_workflow(site: Site, run: Run, form: str) -> None:
    uuids = fail_host(site, 2)
    created = create(run, "--wait", "-f", "json").json["notification_uuid"]
    result = run("notification", "show", created, "-f", form)
    assert result.status == 0, result.err
    for text in (created, "DisableComputeServiceTask", "EvacuateInstancesTask", "SUCCESS", *uuids):
        assert text in result.out
    if form in ("json", "yaml"):
        shown = {"json": json.loads, "yaml": yaml.safe_load}[form](result.out)
        assert shown["payload"] == {"event": "STOPPED", "host_status": "NORMAL"}
        assert [task["state"] for task in shown["recovery_workflow_details"]] == ["SUCCESS"] * 3


def test_list_of_moves(site: Site, run: Run) -> None:
    uuids = fail_host(site)
    created = create(run, "--wait", "-f", "json").json["notification_uuid"]
    moves = run("vmove", "list", created, "-f", "json").json
    assert sorted(move["instance_uuid"] for move in moves) == sorted(uuids)
    assert {move["status"] for move in moves} == {"succeeded"}
    assert {move["source_host"] for move in moves} == {HOST}
    table = run("vmove", "list", created).out
    assert all(uuid_ in table for uuid_ in uuids)


@pytest.mark.parametrize("command", [("notification", "show"), ("vmove", "list")])
def test_unknown_notification(run: Run, command: tuple[str, ...]) -> None:
    unknown = str(uuid.uuid4())
    result = run(*command, unknown)
    assert (result.status, result.out) == (1, "")
    assert result.err == f"there is no notification '{unknown}'\n"


# without an engine


def test_no_engine(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "masakari.conf"
    path.write_text("[DEFAULT]\ntransport_url = fake:/\nmasakari_topic = nobody_there\n")
    result = run_with("--config-file", str(path), "--timeout", "0.2", "notification", "list")
    assert result.status == 1
    assert "no engine answered within 0.2 s on topic nobody_there of fake:" in result.err
    assert len(result.err.splitlines()) == 1


def run_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "masakari_lite.cmd.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def free_port() -> int:
    """Find a port where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_no_broker(tmp_path: pathlib.Path, free_port: int) -> None:
    path = tmp_path / "masakari.conf"
    path.write_text(f"[DEFAULT]\ntransport_url = rabbit://me:secret@127.0.0.1:{free_port}/masakari\n")
    result = run_process("--config-file", str(path), "--timeout", "3", "notification", "list")
    assert (result.returncode, result.stdout) == (1, "")
    broker = f"rabbit://127.0.0.1:{free_port}/masakari"
    assert f"the message broker at {broker} can't be reached" in result.stderr
    assert "secret" not in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[DEFAULT", "Failed to parse"),
        ("[DEFAULT]\ntransport_url = smoke://signals/\n", 'Failed to load transport driver "smoke"'),
        ("[DEFAULT]\ntransport_url = rabbit://[::1/\n", "the configuration can't be used"),
        (None, "Failed to find some config files"),
    ],
)
def test_bad_configuration(tmp_path: pathlib.Path, text: str | None, message: str) -> None:
    path = tmp_path / "masakari.conf"
    if text is not None:
        path.write_text(text)
    result = run_process("--config-file", str(path), "notification", "list")
    assert (result.returncode, result.stdout) == (1, "")
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_debug_brings_the_traceback(tmp_path: pathlib.Path) -> None:
    result = run_process("--debug", "--config-file", str(tmp_path / "none"), "notification", "list")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_help_waits_for_no_library_that_it_does_not_need() -> None:
    result = run_process("--help")
    assert result.returncode == 0
    assert result.stderr == ""
    for command in ("notification create", "notification list", "notification show", "vmove list", "demo"):
        assert command in result.stdout
    command = [sys.executable, "-X", "importtime", "-m", "masakari_lite.cmd.cli", "--help"]
    imported = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stderr
    assert "masakari_lite.cli" in imported
    for library in ("oslo_messaging", "sqlalchemy", "novaclient", "keystoneauth1", "taskflow"):
        assert f" {library}\n" not in imported


def test_no_command_shows_the_help() -> None:
    result = run_process()
    assert (result.returncode, result.stderr) == (0, "")
    assert "notification create" in result.stdout


def test_a_command_shows_its_own_help() -> None:
    result = run_process("notification", "create", "--help")
    assert result.returncode == 0
    assert "--wait-timeout" in result.stdout


# what tenants wrote

EVIL = 'web\x1b[2J\u202e\n| forged | "$(id)" `id` [red]'
SHOWN = 'web\\x1b[2J\\u202e\\n| forged | "$(id)" `id` [red]'


@pytest.fixture
def evil(site: Site) -> str:
    """Recover a host with an instance that has such a name; give the notification."""
    (server,) = site.add(1, name=EVIL)
    uuid: str = site.recover()["notification_uuid"]
    assert site.vmove({"notification_uuid": uuid}, server)["instance_name"] == EVIL
    return uuid


def is_harmless(text: str) -> bool:
    return all(char.isprintable() or char == "\n" for char in text)


@pytest.mark.parametrize("form", ["table", "value"])
def test_what_tenants_wrote_is_escaped_for_people(run: Run, evil: str, form: str) -> None:
    result = run("vmove", "list", evil, "-f", form, "-c", "instance_name")
    assert SHOWN in result.out
    assert is_harmless(result.out)
    shown = run("notification", "show", evil, "-f", form)
    assert SHOWN in shown.out if form == "table" else "web\\\\x1b[2J" in shown.out
    assert is_harmless(shown.out)


def test_what_tenants_wrote_is_exact_for_programs(run: Run, evil: str) -> None:
    command = ("vmove", "list", evil, "-c", "instance_name")
    assert run(*command, "-f", "json").json == [{"instance_name": EVIL}]
    assert yaml.safe_load(run(*command, "-f", "yaml").out) == [{"instance_name": EVIL}]
    rows = list(csv.reader(io.StringIO(run(*command, "-f", "csv", "--quote", "all").out)))
    assert rows == [["instance_name"], [EVIL]]
    (note,) = run("notification", "show", evil, "-f", "json").json["recovery_workflow_details"][2][
        "progress_details"
    ]
    assert EVIL in note["message"]


def test_what_tenants_wrote_runs_nothing_in_a_shell(run: Run, evil: str, tmp_path: pathlib.Path) -> None:
    script = run("notification", "show", evil, "-f", "shell").out
    done = subprocess.run(
        ["sh", "-c", 'eval "$1"; printf %s "$recovery_workflow_details"', "sh", script],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "$(id)" in done.stdout
    assert "`id`" in done.stdout
    assert "uid=" not in done.stdout


def test_what_tenants_wrote_is_escaped_while_waiting(site: Site, run: Run) -> None:
    site.add(1, name=EVIL)
    site.cloud.fail_host(HOST)
    result = create(run, "--wait")
    assert SHOWN in result.err
    assert is_harmless(result.err + result.out)


def test_an_error_that_quotes_what_tenants_wrote_is_escaped(run: Run) -> None:
    result = run("notification", "show", "\x1b[2J")
    assert result.status == 1
    assert is_harmless(result.err)
