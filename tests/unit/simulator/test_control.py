"""The simulator in another process: the command, and the control API."""

import os
import signal
import subprocess
import sys

import pytest

from masakari_lite_simulator import RemoteSimulator
from masakari_lite_simulator.remote import RemoteSimulatorError

COMMAND = "import sys; from masakari_lite_simulator.__main__ import main; sys.exit(main())"


@pytest.fixture
def remote(simulator):
    client = RemoteSimulator(simulator.control_url)
    yield client
    client.close()


def test_a_host_fails_and_is_reported_on(simulator, remote):
    uuid = remote.add_server("compute-1", vm_state="stopped")
    remote.fail_host("compute-1")
    remote.force_down("compute-1")
    report = remote.report("compute-1")
    assert [one["uuid"] for one in report["instances"]] == [uuid]
    assert report["left_behind"] == 1
    assert {host["name"]: host["up"] for host in remote.hosts()}["compute-1"] is False
    assert [server["vm_state"] for server in remote.servers("compute-1")] == ["stopped"]
    assert [event["text"] for event in remote.events()] == ["failed with 1 instances", "forced down"]
    assert remote.events(since=2) == []


def test_populate_faults_and_options(simulator, remote, clock):
    assert len(remote.populate(hosts=2, instances=5, on_first=3)) == 3
    assert remote.options(evacuation_latency=7)["evacuation_latency"] == 7
    assert simulator.options.evacuation_latency == 7
    remote.add_fault("server.*", status=500, times=2)
    remote.set_latency("server.show", 0.1)
    assert simulator.faults.latency("server.show") == 0.1
    remote.clear_faults()
    assert simulator.faults.latency("server.show") == 0
    remote.no_valid_host("some-uuid", times=1)
    remote.fail_rebuild("some-uuid")
    assert remote.revoke_tokens() == 0
    assert remote.requests()["by_kind"] == {}


def test_errors_are_reported(remote):
    with pytest.raises(RemoteSimulatorError, match="nowhere"):
        remote.fail_host("nowhere")
    with pytest.raises(RemoteSimulatorError, match="unknown option: speed"):
        remote.options(speed=1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_runs_unpatched_until_a_signal(number):
    arguments = [sys.executable, "-c", COMMAND, "--hosts", "2", "--instances", "5", "--on-first", "3"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        lines = [process.stdout.readline().split() for _ in range(2)]
        remote = RemoteSimulator(lines[1][-1])
        assert len(remote.servers("compute-1")) == 3
        remote.close()
        process.send_signal(number)
        _output, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")
