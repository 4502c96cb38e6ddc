"""A panel for every data set, and one legend beside them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from bench.reporting.axes import Axes as RecordAxes
from bench.reporting.canvas import new_figure, plain_text
from bench.reporting.model import Column, Row
from bench.reporting.plots.style import legend_beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["add_legend", "column_title", "panel_grid", "suite_text"]

_MOST_COLUMNS = 3
_SIDE = 3.3
_LEGEND_WIDTH = 2.9
_INCH_AN_ENTRY = 0.19


def panel_grid(columns: Sequence[Column], n_entries: int) -> tuple[Figure, dict[Column, Axes]]:
    """An empty figure with axes for every one of `columns`, at most three side by side, and room for a legend."""
    wide = min(len(columns), _MOST_COLUMNS)
    high = math.ceil(len(columns) / wide)
    figure = new_figure(_SIDE * wide + _LEGEND_WIDTH, max(_SIDE * high + 0.6, _INCH_AN_ENTRY * n_entries + 0.3))
    panels = figure.subplots(high, wide, squeeze=False).ravel()
    for surplus in panels[len(columns) :]:
        surplus.set_axis_off()
    return figure, dict(zip(columns, panels, strict=False))


def column_title(axes: RecordAxes, column: Column) -> str:
    """``"HAR, 1 to 5 seeds"``: the seeds of the rows that are ranked."""
    rows = [row for row in axes.rows if (row, column) in axes.records]
    counts = sorted(len(axes.records[row, column]) for row in rows if row.ranked) or [0]
    seeds = f"{counts[0]}" if counts[0] == counts[-1] else f"{counts[0]} to {counts[-1]}"
    return plain_text(f"{column.label}, {seeds} seed{'' if seeds == '1' else 's'}")


def suite_text(axes: RecordAxes) -> str:
    """How many runs are shown, of which suites, and where the budgets of so many methods can be read."""
    runs = [record for held in axes.records.values() for record in held]
    suites = sorted({record.suite for record in runs if record.suite})
    return f"{len(runs)} runs{' of suite ' if suites else ''}{' and '.join(suites)}; `bench table` lists their budgets"


def add_legend(figure: Figure, panels: Mapping[Column, Axes], rows: Sequence[Row]) -> None:
    """One legend outside the panels: what any of them shows, once, in the order of `rows`, then what is no row."""
    shown = {
        label: handle
        for axes in panels.values()
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    first = [label for row in rows if (label := plain_text(row.label)) in shown]
    labels = list(dict.fromkeys([*first, *shown]))
    handles = [shown[label] for label in labels]
    legend_beside(figure, handles, labels, handlelength=3.2)
