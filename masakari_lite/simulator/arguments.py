"""The options of masakari-lite-simulator."""

from __future__ import annotations

import argparse

from masakari_lite.simulator.options import SimulatorOptions

DESCRIPTION = """\
Run a simulated Keystone and Nova with some hosts and instances, until SIGTERM or SIGINT. It behaves as a
real Nova does where evacuations are concerned. Times are in seconds."""

EPILOG = """\
To let a host die, and to see what became of its instances:
  curl -X POST CONTROL_URL/fail-host -d '{"host": "compute-1"}'
  curl CONTROL_URL/report?host=compute-1
GET CONTROL_URL lists what else can be done."""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        prog="masakari-lite-simulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_place(parser)
    _add_cloud(parser)
    return parser.parse_args(argv)


def _add_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_argument_group("where, and how many")
    place.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    place.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 takes a free one (%(default)s)"
    )
    place.add_argument("--hosts", type=int, default=4, help="compute hosts, compute-1 and up (%(default)s)")
    place.add_argument("--instances", type=int, default=60, help="instances in all (%(default)s)")
    place.add_argument("--on-first", type=int, default=40, help="how many of them on compute-1 (%(default)s)")


def _add_cloud(parser: argparse.ArgumentParser) -> None:
    default = SimulatorOptions()
    cloud = parser.add_argument_group("how the cloud behaves")
    add = cloud.add_argument
    add("--evacuation-latency", type=float, default=2.0, help="how long an evacuation takes (%(default)s)")
    add(
        "--evacuation-jitter",
        type=float,
        default=default.evacuation_jitter,
        help="by which share of that it may vary, 0 to 1 (%(default)s)",
    )
    add("--action-latency", type=float, default=0.5, help="how long a stop or start takes (%(default)s)")
    add(
        "--service-down-time",
        type=float,
        default=10.0,
        help="after how long a dead host's compute service is seen down; Nova's default is 60 (%(default)s)",
    )
    add(
        "--rpc-response-timeout",
        type=float,
        default=default.rpc_response_timeout,
        help="how long disabling a dead service that still looks up blocks (%(default)s)",
    )
    add("--token-lifetime", type=float, default=default.token_lifetime, help="of tokens (%(default)s)")
    add("--capacity", type=int, default=None, help="instances a host has room for; no limit by default")
    add(
        "--max-microversion",
        default=default.max_microversion,
        help="the newest compute API microversion on offer (%(default)s)",
    )
    add("--seed", type=int, default=0, help="the same seed gives the same cloud (%(default)s)")
