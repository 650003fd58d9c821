"""Draw the medians of the benchmark's scenarios: how long each recovery took, and what it cost Nova."""

import collections
import pathlib
from typing import Any

from tests.benchmark import report

_PANELS = {"wall_s": "seconds until all instances are recovered", "nova_s": "seconds that Nova worked for it"}
_COLOURS = {"floor": "#999999", "engine": "#1b7837"}
_OTHER = "#c2a5cf"


def draw(path: pathlib.Path, results: list[dict[str, Any]]) -> None:
    """Write an SVG file.

    :param results: all runs, as ``--json`` writes them
    :raises SystemExit: when matplotlib is not installed
    """
    try:
        from matplotlib import figure
    except ImportError as error:
        raise SystemExit(f"--svg needs matplotlib (tox -e benchmark has it): {error}") from error
    scenarios: dict[str, dict[str, list[dict[str, Any]]]] = collections.defaultdict(
        lambda: collections.defaultdict(list)
    )
    for result in results:
        scenarios[result["scenario"]][result["name"]].append(result)
    drawn = figure.Figure(figsize=(9, 1 + 1.6 * len(scenarios)), layout="constrained")
    axes = drawn.subplots(len(scenarios), len(_PANELS), squeeze=False)
    for row, (scenario, runs) in zip(axes, scenarios.items(), strict=True):
        for panel, (column, title) in zip(row, _PANELS.items(), strict=True):
            _draw_bars(panel, {name: report.take_medians(found)[column] for name, found in runs.items()})
            panel.set_xlabel(title, fontsize=8)
        row[0].set_title(scenario, fontsize=9, loc="left")
    drawn.savefig(path, format="svg", metadata={"Date": None})


def _draw_bars(panel: Any, values: dict[str, float]) -> None:
    names = list(reversed(values))
    bars = panel.barh(
        names, [values[name] for name in names], color=[_COLOURS.get(name, _OTHER) for name in names]
    )
    panel.bar_label(bars, fmt="%.1f", padding=2, fontsize=8)
    panel.margins(x=0.15)
    panel.tick_params(labelsize=8)
    panel.spines[["top", "right"]].set_visible(False)
