"""Runs the demo: starts the processes, fails the host, follows the recovery, runs the checks."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from oslo_config import cfg

from masakari_lite import exceptions
from masakari_lite.cli import following
from masakari_lite.cli.connection import Connection
from masakari_lite.models import JsonDict
from masakari_lite_demo import checks, engine, processes, selection, summary
from masakari_lite_demo.display import Display, build_display
from masakari_lite_demo.interrupt import Interrupt, Interrupted
from masakari_lite_demo.user import UserSettings
from masakari_lite_simulator.remote import RemoteSimulatorError

HOST = "compute-1"

_USER_TIME = 1.0
"""Seconds that the owner's process runs before the host fails, and again after its recovery."""
_READY_LIMIT = 50
_SETTLE_LIMIT = 50
_TICK = 0.1
_INTERVAL = 0.2


def run(conf: cfg.ConfigOpts, options: argparse.Namespace) -> int:
    """Run the demo; returns its exit status, 0 when every check holds."""
    for name in ("no_proxy", "NO_PROXY"):  # the simulator is on this machine
        os.environ[name] = "127.0.0.1"
    interrupt = Interrupt()
    display = build_display(options.json)
    try:
        with _directory(options.keep, display) as directory:
            result = _Demo(conf, options, directory, display, interrupt).run()
    except Interrupted as reason:
        display.print(f"Stopped early by {reason}")
        return reason.exit_status
    except (exceptions.MasakariLiteError, RemoteSimulatorError) as error:
        display.print(f"The demo failed: {error}")
        return 1
    summary.show(result, display.console)
    if options.json:
        print(summary.dump(result))  # noqa: T201 - what --json is for
    return 0 if result["ok"] else 1


@contextlib.contextmanager
def _directory(is_kept: bool, display: Display) -> Iterator[pathlib.Path]:
    path = pathlib.Path(tempfile.mkdtemp(prefix="masakari-lite-demo-"))
    try:
        yield path
    finally:
        if is_kept:
            display.print(f"Kept: {path}, with masakari.conf, masakari.sqlite and engine.log")
        else:
            shutil.rmtree(path, ignore_errors=True)


class _Demo:
    """One run."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        options: argparse.Namespace,
        directory: pathlib.Path,
        display: Display,
        interrupt: Interrupt,
    ) -> None:
        self._conf = conf
        self._options = options
        self._directory = directory
        self._display = display
        self._pause = interrupt.pause

    def run(self) -> JsonDict:
        """Run all steps; returns the summary.

        :raises DemoError: when it could not be completed
        """
        options, show = self._options, self._display.print
        total = options.instances + processes.OTHER_INSTANCES
        where = f"{options.instances} of them on {HOST}"
        show(f"Starting a simulated cloud: {processes.HOSTS} hosts, {total} instances, {where}")
        with contextlib.ExitStack() as stack:
            cloud = stack.enter_context(
                processes.running_simulator(
                    self._directory, options.instances, options.latency, options.seed, self._pause
                )
            )
            self._selection = selection.select(cloud.control.servers(HOST), options.fail, options.seed)
            if self._selection.failing:
                cloud.control.no_valid_host(*sorted(self._selection.failing))
            show("Starting the engine: SQLite journal, in-process transport")
            path = engine.write_config(self._directory, cloud.auth_url, options.threads)
            connection = stack.enter_context(engine.running_engine(self._conf, path))
            user = self._start_user(stack, cloud)
            notification, vmoves = self._recover(cloud, connection)
            return self._summarize(cloud, user, notification, vmoves)

    def _start_user(self, stack: contextlib.ExitStack, cloud: processes.Cloud) -> processes.User:
        self._display.print("A user begins to stop, reboot, rebuild and delete instances")
        settings = UserSettings(
            cloud.auth_url, self._selection.instances, self._selection.unrestricted, self._options.seed
        )
        user = stack.enter_context(processes.running_user(self._directory, settings))
        for _ in range(_READY_LIMIT):
            if cloud.control.requests()["by_user"].get("alice", {}).get("server.list"):
                break
            self._pause(_TICK)
        self._pause(_USER_TIME)
        return user

    def _recover(self, cloud: processes.Cloud, connection: Connection) -> tuple[JsonDict, list[JsonDict]]:
        options, display = self._options, self._display
        display.print(f"{HOST} fails, and its monitor notifies the engine")
        cloud.control.fail_host(HOST)
        self._tasks = {server["uuid"]: server["task_state"] for server in cloud.control.servers(HOST)}
        uuid = connection.process_notification(_build_notification())["notification_uuid"]
        waves = -(-options.instances // options.threads)
        limit = 60 + 2 * waves * (options.latency + 3)
        with contextlib.closing(display):
            snapshot = None
            for snapshot in following.follow(connection, uuid, limit, self._pause, display.print, _INTERVAL):
                display.show(snapshot)
        if snapshot is None or not snapshot.is_final:
            raise processes.DemoError(f"The recovery was not finished within {limit:g} s")
        return snapshot.notification, snapshot.vmoves

    def _summarize(
        self, cloud: processes.Cloud, user: processes.User, notification: JsonDict, vmoves: list[JsonDict]
    ) -> JsonDict:
        self._pause(_USER_TIME)
        record = user.stop()
        self._wait_for_actions(cloud)
        report = cloud.control.report(HOST)
        evidence = checks.Evidence(report, self._selection.failing, self._tasks, notification, vmoves)
        return summary.summarize(evidence, checks.run_checks(evidence), record, cloud.control.requests())

    def _wait_for_actions(self, cloud: processes.Cloud) -> None:
        """Wait until the live hosts have completed the owner's last actions."""
        for _ in range(_SETTLE_LIMIT):
            servers = cloud.control.servers()
            if not any(server["task_state"] for server in servers if server["host"] != HOST):
                return
            self._pause(_TICK)


def _build_notification() -> JsonDict:
    """Build the notification that Masakari's host monitor sends."""
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    return {
        "type": "COMPUTE_HOST",
        "hostname": HOST,
        "generated_time": now.isoformat(),
        "payload": {"event": "STOPPED", "host_status": "NORMAL", "cluster_status": "OFFLINE"},
    }
