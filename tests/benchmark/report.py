"""The benchmark's table and JSON."""

import argparse
import csv
import json
import math
import pathlib
import statistics
from typing import Any

_COLUMNS = {
    "wall_s": "wall",
    "first_s": "first",
    "locked_median_s": "locked",
    "locked_95_s": "95 %",
    "unlocked_after_s": "delay",
    "requests": "requests",
    "nova_s": "Nova s",
    "tokens": "tokens",
    "cpu_ms_per_instance": "CPU ms",
    "memory_mib": "MiB",
    "memory_at_rest_mib": "at rest",
    "rpc_median_s": "RPC",
    "rpc_99_s": "99 %",
}


def describe(options: argparse.Namespace, threads: int) -> str:
    """Describe what is measured, with the time that it takes at best where that is known."""
    text = f"{options.cloud}: {options.instances} instances, {threads} threads a host"
    if options.cloud == "simulator":
        on_each = math.ceil(options.instances / options.hosts)
        ideal = math.ceil(on_each / threads) * options.latency
        text += f", {options.hosts} hosts, an evacuation takes {options.latency:g} s, ideal {ideal:g} s"
    return f"{text}, not forced down" if options.wait_for_down else text


def take_medians(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the median of each figure of the same thing that was done again and again."""
    return {name: round(statistics.median(run[name] for run in runs), 3) for name in _COLUMNS}


def print_heading(scenario: str) -> None:
    """Print what the rows that follow are about."""
    print(scenario)
    print(f"{'':14}" + "".join(f"{title:>10}" for title in _COLUMNS.values()), flush=True)


def print_row(name: str, figures: dict[str, Any]) -> None:
    """Print the figures of one run, or medians."""
    print(f"{name:14}" + "".join(f"{figures[column]:>10}" for column in _COLUMNS), flush=True)


def print_ratios(name: str, figures: dict[str, Any], other: str, floor: dict[str, Any]) -> None:
    """Print of which multiple of another one's figures these are."""
    shown = {"wall_s", "requests", "nova_s", "cpu_ms_per_instance", "locked_median_s"}
    cells = [
        f"{figures[column] / floor[column]:.2f} x" if column in shown and floor[column] else ""
        for column in _COLUMNS
    ]
    print(f"{f'{name} / {other}':14}" + "".join(f"{cell:>10}" for cell in cells), flush=True)


def merge(path: pathlib.Path, results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Write all runs to a file, in place of those of the same scenarios that it has.

    :returns: what the file has now
    """
    scenarios = {result["scenario"] for result in results}
    before = json.loads(path.read_text()) if path.exists() else []
    merged = [result for result in before if result["scenario"] not in scenarios] + results
    path.write_text(json.dumps(merged, indent=1) + "\n")
    return merged


def group(results: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the medians by scenario and name."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for result in results:
        found.setdefault(result["scenario"], {}).setdefault(result["name"], []).append(result)
    return {
        scenario: {name: take_medians(runs) for name, runs in names.items()}
        for scenario, names in found.items()
    }


def write_csv(path: pathlib.Path, results: list[dict[str, Any]]) -> None:
    """Write the medians, a line for each scenario and name."""
    with path.open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["scenario", "what", *_COLUMNS.values()])
        for scenario, names in group(results).items():
            for name, figures in names.items():
                lines.writerow([scenario, name, *(figures[column] for column in _COLUMNS)])
