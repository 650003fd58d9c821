"""The commands of devcloud.py."""

import argparse
import collections
import dataclasses
import json
import os
import time
from collections.abc import Callable

from tools.devcloud import lifecycle
from tools.devcloud.cloud import FLAVORS, Cloud
from tools.devcloud.errors import DevcloudError
from tools.devcloud.healing import Healing
from tools.devcloud.settings import Settings

_Command = Callable[[argparse.Namespace], None]


def main(words: list[str]) -> int:
    """Run one command; returns the exit status."""
    arguments = _parser().parse_args(words)
    command: _Command = arguments.command
    try:
        command(arguments)
    except DevcloudError as error:
        print(f"devcloud: {error}")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="devcloud.py", description="A small real OpenStack on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: _Command, text: str, *positional: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        for word in positional:
            added.add_argument(word.lower(), metavar=word, type=int if word == "COUNT" else str)
        return added

    add("up", _up, "install what is missing and start everything; settings come from DEVCLOUD_* variables")
    ending = add("down", _down, "stop everything")
    ending.add_argument("--wipe", action="store_true", help="remove everything that up has made")
    ending.add_argument("--keep-venv", action="store_true", help="with --wipe: leave the installed packages")
    add("status", _status, "show processes, compute services and servers")
    booting = add("boot", _boot, "create servers of the demo user's on a host", "COUNT", "HOST")
    booting.add_argument("--flavor", default="nano", choices=FLAVORS, help="three huge ones fill a host")
    add("servers", _servers, "list all servers")
    add("kill-compute", _kill_compute, "kill a host's nova-compute (SIGKILL)", "HOST")
    add("start-compute", _start_compute, "start a host's nova-compute again", "HOST")
    forcing = add("force-down", _force_down, "tell Nova that a host is down", "HOST")
    forcing.add_argument("--off", action="store_true", help="tell Nova that it is not")
    add("evacuate", _evacuate, "evacuate a server without the engine, and watch it", "SERVER")
    add("reset", _reset, "delete all servers, and make all hosts up and enabled")
    counting = add("requests", _requests, "count requests to Nova and issued tokens, as JSON")
    counting.add_argument(
        "--since", type=int, default=0, metavar="OFFSET", help="offset that an earlier call gave"
    )
    reading = add("logs", _logs, "list the logs, or show the end of one")
    reading.add_argument("name", nargs="?", metavar="NAME", help="its name without directory and suffix")
    reading.add_argument("-n", "--lines", type=int, default=40, help="how many lines (40)")
    return parser


def _up(_arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    settings = Settings.from_environment(os.environ)
    lifecycle.up(settings)
    print(f"devcloud: up in {time.monotonic() - started:.0f} s, {settings.num_computes} computes")
    print(f"  users       export OS_CLIENT_CONFIG_FILE={settings.path('clouds.yaml')}")
    print("              export OS_CLOUD=devcloud-admin (or devcloud-demo, devcloud-masakari)")
    print(f"              or . {settings.path('openrc-admin')} (openrc-demo, openrc-masakari)")
    print(f"  Keystone    {settings.auth_url}")
    print(f"  messages    {settings.transport_url}")
    print(f"  journal     {settings.database('masakari')}")
    print(f"  logs        {settings.path('log')}")


def _down(arguments: argparse.Namespace) -> None:
    try:
        settings = Settings.load()
    except DevcloudError:  # an up that has not come far
        settings = Settings.from_environment(os.environ)
    lifecycle.down(settings, wipe=arguments.wipe, keep_venv=arguments.keep_venv)
    print("devcloud: down" + (", wiped" if arguments.wipe else ""))


def _status(_arguments: argparse.Namespace) -> None:
    cloud = Cloud.load()
    supervisor = cloud.services.supervisor
    for name in supervisor.names():
        pid = supervisor.pid(name)
        print(f"{name:18}", f"pid {pid}" if pid else "dead")
    for host, service in sorted(cloud.compute_services().items()):
        forced = " forced_down" if service["forced_down"] else ""
        print(f"{host:18} {service['state']} {service['status']}{forced}")
    counts = collections.Counter(
        (server["OS-EXT-SRV-ATTR:host"] or "no host", server["status"]) for server in cloud.servers()
    )
    for (host, status), count in sorted(counts.items()):
        print(f"{count} servers {status} on {host}")


def _boot(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    for server in Cloud.load().boot(arguments.count, arguments.host, arguments.flavor):
        print(server)
    print(f"devcloud: {arguments.count} servers on {arguments.host} in {time.monotonic() - started:.1f} s")


def _servers(_arguments: argparse.Namespace) -> None:
    line = "{:36} {:9} {:14} {:10} {:17} {}"
    print(line.format("ID", "HOST", "STATUS", "VM STATE", "TASK STATE", "LOCKED"))
    for server in Cloud.load().servers(sort_key="created_at", sort_dir="asc"):
        print(
            line.format(
                server["id"],
                server["OS-EXT-SRV-ATTR:host"] or "-",
                server["status"],
                server["OS-EXT-STS:vm_state"],
                server["OS-EXT-STS:task_state"] or "-",
                f"yes: {server['locked_reason']}" if server["locked"] else "no",
            )
        )


def _kill_compute(arguments: argparse.Namespace) -> None:
    was_running = Cloud.load().kill_compute(arguments.host)
    print(f"devcloud: {arguments.host}", "killed" if was_running else "was not running")


def _start_compute(arguments: argparse.Namespace) -> None:
    was_started = Cloud.load().start_compute(arguments.host)
    print(f"devcloud: {arguments.host}", "started" if was_started else "was running")


def _force_down(arguments: argparse.Namespace) -> None:
    cloud = Cloud.load()
    cloud.update_service(arguments.host, forced_down=not arguments.off)
    service = cloud.service(arguments.host)
    print(f"devcloud: {arguments.host} {service['state']}, forced_down {service['forced_down']}")


def _evacuate(arguments: argparse.Namespace) -> None:
    cloud = Cloud.load()
    cloud.admin.action(arguments.server, "evacuate", {})
    last = ""
    until = time.monotonic() + 120
    while last not in ("done", "error", "failed") and time.monotonic() < until:
        record = (cloud.evacuations(arguments.server) or [{}])[0]
        if record.get("status", last) != last:
            last = record["status"]
            print(f"devcloud: {record['source_compute']} to {record['dest_compute']}: {last}")
        time.sleep(0.1)


def _reset(_arguments: argparse.Namespace) -> None:
    print(f"devcloud: {Healing(Cloud.load()).run()}")


def _requests(arguments: argparse.Namespace) -> None:
    print(json.dumps(dataclasses.asdict(Cloud.load().requests(arguments.since)), indent=2))


def _logs(arguments: argparse.Namespace) -> None:
    paths = sorted(Settings.load().path("log").glob("*.*"))
    if arguments.name is None:
        print(*paths, sep="\n")
        return
    chosen = [path for path in paths if path.stem == arguments.name]
    if not chosen:
        raise DevcloudError(f"no log {arguments.name}; there are {' '.join(path.stem for path in paths)}")
    for path in chosen:
        lines = path.read_text(errors="replace").splitlines()[-arguments.lines :]
        print(f"==> {path}", *lines, sep="\n")
