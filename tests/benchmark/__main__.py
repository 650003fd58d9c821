"""Compare the engine with a bare loop: python -m tests.benchmark simulator --instances 100 --threads 10.

Each is done --times times, in alternation; the table has every run, the medians, and their ratios. The engine
is a process of its own and is notified over a message broker (RabbitMQ on this machine, or what
MASAKARI_LITE_TEST_TRANSPORT names).
"""

import os
import warnings

os.environ.setdefault("EVENTLET_NO_GREENDNS", "yes")
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
import eventlet  # noqa: E402

eventlet.monkey_patch()

import argparse  # noqa: E402
import contextlib  # noqa: E402
import itertools  # noqa: E402
import pathlib  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
from typing import Any  # noqa: E402

from oslo_service import backend  # noqa: E402

backend.init_backend(backend.BackendType.EVENTLET)

from tests.benchmark import chart, clouds, report, runs, upstream  # noqa: E402

_TRANSPORT = "MASAKARI_LITE_TEST_TRANSPORT"
_DOWN_TIME = {False: 0.0, True: 5.0}
"""Seconds after which the simulator reports a failed host down, where that is waited for or not."""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("cloud", choices=["simulator", "real"], help="real: the devcloud, brought up where it is not")
    add("--instances", type=int, default=100, help="in all, on the hosts that fail (%(default)s)")
    add("--hosts", type=int, default=1, help="that fail at once, on the simulator (%(default)s)")
    add("--threads", type=int, nargs="+", default=[10], help="host_failure_recovery_threads; may be several")
    add("--latency", type=float, default=1.0, help="of an evacuation on the simulator, seconds (%(default)g)")
    add("--times", type=int, default=3, help="how often each is done (%(default)s)")
    add(
        "--masakari",
        type=int,
        nargs="*",
        default=[],
        metavar="SECONDS",
        help="Masakari's own engine too, on the real cloud, with these wait_period_after_service_update",
    )
    add(
        "--wait-for-down",
        action="store_true",
        help="the engine waits until Nova reports the hosts down, and all times count from then",
    )
    add("--only", nargs="+", metavar="NAME", help="only these: floor, engine, masakari-SECONDS")
    add("--option", action="append", default=[], help="of the engine: group__name=value; may be repeated")
    add("--json", type=pathlib.Path, help="write all figures to this file, beside those of other scenarios")
    add("--csv", type=pathlib.Path, help="write the medians of all scenarios to this file")
    add("--svg", type=pathlib.Path, help="draw the medians of all scenarios into this file")
    add("--keep", type=pathlib.Path, help="keep the engine's logs and journals in this directory")
    options = parser.parse_args()
    if options.masakari and options.cloud != "real":
        parser.error("--masakari needs the real cloud")
    return options


def main() -> int:
    """Run the benchmark."""
    options = parse()
    results = [result for threads in options.threads for result in compare(options, threads)]
    if options.json:
        results = report.merge(options.json, results)
    if options.csv:
        report.write_csv(options.csv, results)
    if options.svg:
        chart.draw(options.svg, results)
    return 0


def compare(options: argparse.Namespace, threads: int) -> list[dict[str, Any]]:
    """Do each as often as wanted, with so many threads; returns the figures of each run."""
    scenario = report.describe(options, threads)
    report.print_heading(scenario)
    names = name_all(options)
    results = []
    for number, name in itertools.product(range(options.times), names):
        figures = run(name, options, threads, number).to_dict()
        report.print_row(name, figures)
        results.append({"name": name, "scenario": scenario, **figures})
    medians = {
        name: report.take_medians([result for result in results if result["name"] == name]) for name in names
    }
    print("medians:")
    for name in names:
        report.print_row(name, medians[name])
    if "engine" in names:
        for other in names:
            if other != "engine":
                report.print_ratios("engine", medians["engine"], other, medians[other])
    return results


def name_all(options: argparse.Namespace) -> list[str]:
    """Return what is compared."""
    names = ["floor", "engine", *(f"masakari-{wait}" for wait in options.masakari)]
    unknown = sorted(set(options.only or ()) - set(names))
    if unknown:
        raise SystemExit(f"--only {' '.join(unknown)}: there are only {', '.join(names)} (see --masakari)")
    return [name for name in names if not options.only or name in options.only]


def run(name: str, options: argparse.Namespace, threads: int, number: int) -> runs.Figures:
    """Do one of them once, on a cloud of its own."""
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="masakari-lite-benchmark-"))
        )
        if options.keep:
            directory = options.keep / f"{name}-{threads}-{number}"
            directory.mkdir(parents=True)
        cloud = stack.enter_context(
            clouds.real(options.instances)
            if options.cloud == "real"
            else clouds.simulated(directory, options, _DOWN_TIME[options.wait_for_down])
        )
        if name == "floor":
            return runs.run_floor(cloud, threads)
        if isinstance(cloud, clouds.RealCloud) and name.startswith("masakari-"):
            return upstream.run(cloud, threads, int(name.removeprefix("masakari-")), directory)
        broker = os.environ.get(_TRANSPORT) or "rabbit://guest:guest@127.0.0.1:5672/"
        changes = dict(option.split("=", 1) for option in options.option)
        return runs.run_engine(cloud, threads, directory, broker, not options.wait_for_down, **changes)


if __name__ == "__main__":
    sys.exit(main())
