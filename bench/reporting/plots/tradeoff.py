"""Clustering quality against fairness: which methods no other beats in both."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.errors import InvalidInputError, ResultsError
from bench.record import Record
from bench.reporting.axes import Axes as RecordAxes
from bench.reporting.canvas import plain_text, write_figure
from bench.reporting.headers import select_headers
from bench.reporting.model import Column, Row
from bench.reporting.plots.grid import add_legend, column_title, panel_grid, suite_text
from bench.reporting.plots.runs import Catalogue, metric_values, spread, whisker_text
from bench.reporting.plots.style import PERCENT, marker_style, set_head, tidy_axes
from bench.reporting.published import lookup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["pareto_front", "tradeoff_figure"]

_CONTROL_MARKERS = "*x+1234"
_MARGIN = 4.0


class _Point(NamedTuple):
    """Mean and standard deviation of fairness and quality, in percent."""

    fairness: float
    quality: float
    fairness_sd: float
    quality_sd: float


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which `points` no other beats: at least as high in both coordinates and higher in one.

    Parameters
    ----------
    points : sequence of (float, float)
        Two values each, higher is better.

    Returns
    -------
    list of int
        Positions in `points`, ascending in the first coordinate, then in the second; equal points are all kept.

    Examples
    --------
    >>> from bench.reporting.plots.tradeoff import pareto_front
    >>> pareto_front([(1, 3), (2, 2), (1, 2), (3, 1)])
    [0, 1, 3]
    """
    kept = [i for i, (x, y) in enumerate(points) if not any(a >= x and b >= y and (a, b) != (x, y) for a, b in points)]
    return sorted(kept, key=lambda i: points[i])


def tradeoff_figure(
    records: Sequence[Record],
    out: Path,
    *,
    catalogue: Catalogue,
    quality: str = "nmi",
    fairness: str = "mnce",
    published: bool = False,
) -> tuple[Path, ...]:
    """Draw the mean quality of every method over its mean fairness, a panel for every data set.

    The Pareto front is that of the ranked methods; controls and the reference are grey. Whiskers are one sample
    standard deviation over seeds; a single seed has none.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    catalogue : Catalogue
        Titles of methods and data sets.
    quality, fairness : str
        Metric keys; of both, higher is better.
    published : bool
        Whether the FCMI paper's values are drawn as well, hollow and joined to ours.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    ResultsError
        If no run has both metrics, or runs in a panel do not compare.
    InvalidInputError
        If a metric is not one of which higher is better, or for another ending.
    UnknownNameError
        For an unknown metric.
    """
    heads = select_headers((quality, fairness), ())
    for head in heads:
        if head.direction != "higher":
            raise InvalidInputError(f"metric '{head.key}' given; the figure takes metrics of which higher is better")
    axes = catalogue.axes(records, figure="tradeoff")
    points = {place: point for place, held in axes.records.items() if (point := _point(held, quality, fairness))}
    columns = tuple(column for column in axes.columns if any(place[1] == column for place in points))
    if not columns:
        raise ResultsError(f"no run has both {quality} and {fairness}: one needs classes, the other several groups")
    styles = _styles(axes)
    figure, panels = panel_grid(columns, len(axes.rows) + 2)
    for column, panel in panels.items():
        here = {row: points[row, column] for row in axes.rows if (row, column) in points}
        if published:
            _draw_published(panel, here, column, (quality, fairness), styles)
        _draw(panel, here, styles)
        panel.set_title(column_title(axes, column), fontsize=10)
        panel.set_xlabel(f"{heads[1].title} (percent)")
        panel.set_ylabel(f"{heads[0].title} (percent)")
    subject = f"Clustering quality against fairness{whisker_text(axes.records.values())}"
    set_head(figure, subject, suite_text(axes))
    add_legend(figure, panels, axes.rows)
    return write_figure(figure, out)


def _point(held: Sequence[Record], quality: str, fairness: str) -> _Point | None:
    up, right = ([PERCENT * value for value in metric_values(held, key)] for key in (quality, fairness))
    if not up or not right:
        return None
    return _Point(statistics.fmean(right), statistics.fmean(up), spread(right), spread(up))


def _styles(axes: RecordAxes) -> dict[Row, dict[str, Any]]:
    """One style a row, the same in all panels."""
    ranked = [row for row in axes.rows if row.ranked]
    styles = {row: marker_style(number) for number, row in enumerate(ranked)}
    controls = [row for row in axes.rows if not row.ranked]
    for row, marker in zip(controls, cycle(_CONTROL_MARKERS), strict=False):
        styles[row] = {"marker": marker, "color": "#555555", "markersize": 8}
    return styles


def _draw(panel: Axes, points: Mapping[Row, _Point], styles: Mapping[Row, dict[str, Any]]) -> None:
    for row, point in points.items():
        panel.errorbar(
            point.fairness,
            point.quality,
            xerr=point.fairness_sd,
            yerr=point.quality_sd,
            linestyle="",
            elinewidth=0.8,
            label=plain_text(row.label),
            **styles[row],
        )
    ranked = [(point.fairness, point.quality) for row, point in points.items() if row.ranked]
    if ranked:
        front = [ranked[i] for i in pareto_front(ranked)]
        # The staircase bounds what some method reaches or beats in both.
        panel.step(*zip(*front, strict=True), where="pre", color="black", linewidth=0.9, linestyle="--", zorder=1)
        panel.lines[-1].set_label("Pareto front")
    panel.set(xlim=(-_MARGIN, 100 + _MARGIN), ylim=(-_MARGIN, 100 + _MARGIN), aspect="equal")
    tidy_axes(panel)


def _draw_published(
    panel: Axes,
    points: Mapping[Row, _Point],
    column: Column,
    metrics: tuple[str, str],
    styles: Mapping[Row, dict[str, Any]],
) -> None:
    """The paper's value of every method that is drawn and published, joined to ours."""
    for row, point in points.items():
        if row.published_as is None or column.published_as is None or column.params or row.params:
            continue
        up, right = (lookup(row.published_as, column.published_as, metric) for metric in metrics)
        if up is None or right is None:
            continue
        joint: dict[str, Any] = {
            "color": "#999999",
            "linewidth": 0.7,
            "linestyle": ":",
            "label": "to the published value, hollow",
        }
        panel.plot([right, point.fairness], [up, point.quality], **joint)
        hollow = {**styles[row], "markerfacecolor": "white", "markersize": 8, "alpha": 0.7}
        panel.plot(right, up, linestyle="", **hollow)
