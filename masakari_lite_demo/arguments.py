"""The demo's options, for its own process and for ``masakari-lite demo``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

DESCRIPTION = """\
Fail a simulated host and let a real engine recover its instances, while their owner keeps changing them."""

_VALUES = ("threads", "instances", "latency", "fail", "seed")
_FLAGS = ("json", "keep")
_LONGEST_LATENCY = 60.0
_MOST_INSTANCES = 1000


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="masakari-lite demo", description=DESCRIPTION)
    add_arguments(parser)
    return parser.parse_args(argv)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the demo's options to a parser."""
    add = parser.add_argument
    add(
        "--threads",
        type=_number(int, 1, _MOST_INSTANCES),
        default=3,
        metavar="N",
        help="how many instances are evacuated at once: host_failure_recovery_threads (%(default)s)",
    )
    add(
        "--instances",
        type=_number(int, 1, _MOST_INSTANCES),
        default=40,
        metavar="N",
        help="how many instances are on the host that fails; 20 more are on the other three (%(default)s)",
    )
    add(
        "--latency",
        type=_number(float, 0.0, _LONGEST_LATENCY),
        default=1.5,
        metavar="SECONDS",
        help="how long the simulated Nova takes to evacuate an instance (%(default)s)",
    )
    add(
        "--fail",
        type=_number(float, 0.0, 1.0),
        default=0.0,
        metavar="SHARE",
        help="the share of the instances, 0 to 1, for which Nova finds no valid host (%(default)s); the exit "
        "status is 0 if the engine reports exactly those as failed",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="the same seed gives the same cloud and the same selection of instances (%(default)s)",
    )
    add("--json", action="store_true", help="write the summary as JSON to stdout, and the progress to stderr")
    add(
        "--keep",
        action="store_true",
        help="keep the directory with masakari.conf, the journal and the engine's log, and print its path",
    )


def to_argv(options: argparse.Namespace) -> list[str]:
    """Write parsed options as a command line again."""
    values = [f"--{name}={getattr(options, name)}" for name in _VALUES]
    return values + [f"--{name}" for name in _FLAGS if getattr(options, name)]


def _number(kind: type[int] | type[float], least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is not a {what}") from None
        if math.isnan(value) or not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    return read
