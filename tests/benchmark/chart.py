"""Draw the medians of the benchmark's scenarios: how long each recovery took, and what it cost Nova."""

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
    scenarios = report.group(results)
    drawn = figure.Figure(figsize=(9, 1 + 1.6 * len(scenarios)), layout="constrained")
    axes = drawn.subplots(len(scenarios), len(_PANELS), squeeze=False)
    for row, (scenario, medians) in zip(axes, scenarios.items(), strict=True):
        for panel, (column, title) in zip(row, _PANELS.items(), strict=True):
            _draw_bars(panel, {name: figures[column] for name, figures in medians.items()})
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
