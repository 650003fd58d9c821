"""The command line of masakari-lite-simulator."""

from __future__ import annotations

import argparse

from masakari_lite_simulator.options import SimulatorOptions

DESCRIPTION = """\
Run a simulated Keystone and Nova with some hosts and instances, until SIGTERM or SIGINT. It behaves as a
real Nova does where evacuations are concerned. Times are in seconds."""

EPILOG = """\
To fail a host, and to show how its instances were recovered:
  curl -X POST CONTROL_URL/fail-host -d '{"host": "compute-1"}'
  curl CONTROL_URL/report?host=compute-1
GET CONTROL_URL lists the other controls."""


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        prog="masakari-lite-simulator",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_size(parser)
    _add_cloud(parser)
    return parser.parse_args(argv)


def _add_size(parser: argparse.ArgumentParser) -> None:
    size = parser.add_argument_group("address and size")
    size.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    size.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 takes a free one (%(default)s)"
    )
    size.add_argument("--hosts", type=int, default=4, help="compute hosts, compute-1 and up (%(default)s)")
    size.add_argument("--instances", type=int, default=60, help="instances in all (%(default)s)")
    size.add_argument(
        "--on-first", type=int, default=40, help="how many of the instances are on compute-1 (%(default)s)"
    )
    size.add_argument(
        "--log-size",
        type=int,
        default=SimulatorOptions().log_size,
        help="how many requests and events are kept (%(default)s)",
    )


def _add_cloud(parser: argparse.ArgumentParser) -> None:
    default = SimulatorOptions()
    cloud = parser.add_argument_group("behaviour of the cloud")
    add = cloud.add_argument
    add("--evacuation-latency", type=float, default=2.0, help="how long an evacuation takes (%(default)s)")
    add(
        "--evacuation-jitter",
        type=float,
        default=default.evacuation_jitter,
        help="the share by which that may vary, 0 to 1 (%(default)s)",
    )
    add("--action-latency", type=float, default=0.5, help="how long a stop or start takes (%(default)s)")
    add(
        "--service-down-time",
        type=float,
        default=10.0,
        help="how long Nova considers a dead compute service up; in Nova itself 60 (%(default)s)",
    )
    add(
        "--rpc-response-timeout",
        type=float,
        default=default.rpc_response_timeout,
        help="how long disabling a dead service that is still considered up blocks (%(default)s)",
    )
    add(
        "--token-lifetime",
        type=float,
        default=default.token_lifetime,
        help="how long a token is valid (%(default)s)",
    )
    add(
        "--nova-clock-offset",
        type=float,
        default=0.0,
        help="how far Nova's clock is ahead of this machine's (%(default)s)",
    )
    add(
        "--keystone-clock-offset",
        type=float,
        default=0.0,
        help="how far Keystone's clock is ahead of this machine's (%(default)s)",
    )
    add("--capacity", type=int, default=None, help="the most instances on a host; no limit by default")
    add(
        "--max-microversion",
        default=default.max_microversion,
        help="the newest compute API microversion offered (%(default)s)",
    )
    add("--seed", type=int, default=0, help="the same seed gives the same cloud (%(default)s)")
