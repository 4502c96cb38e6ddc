"""F_beta over beta: how the order of methods depends on how much fairness counts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.metrics import f_measure
from bench.record import Record
from bench.reporting.canvas import plain_text, write_figure
from bench.reporting.plots.grid import add_legend, column_title, panel_grid, suite_text
from bench.reporting.plots.runs import Catalogue
from bench.reporting.plots.style import PERCENT, line_style, set_head, tidy_axes

__all__ = ["beta_figure"]

_BETAS = np.geomspace(0.1, 10, 41)
_EVERY = 8


def beta_figure(records: Sequence[Record], out: Path, *, catalogue: Catalogue) -> tuple[Path, ...]:
    """Draw the mean F_beta of every ranked method over beta, from NMI (left) to MNCE (right), a panel a data set.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    catalogue : Catalogue
        Titles of methods and data sets.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    ResultsError
        If no run has NMI and MNCE, or runs in a panel do not compare.
    InvalidInputError
        For another ending.

    References
    ----------
    Zeng et al., CVPR 2023, Equation 15, doi:10.48550/arXiv.2209.12396.
    """
    axes = catalogue.axes(records, figure="beta")
    ranked = [row for row in axes.rows if row.ranked]
    curves = {
        place: curve
        for place, held in axes.records.items()
        if place[0] in ranked and (curve := _curve(held)) is not None
    }
    columns = tuple(column for column in axes.columns if any(place[1] == column for place in curves))
    if not columns:
        raise ResultsError("no run of a method has both nmi and mnce: one needs classes, the other several groups")
    figure, panels = panel_grid(columns, len(ranked))
    for column, panel in panels.items():
        for number, row in enumerate(ranked):
            if (row, column) in curves:
                # Markers of different methods stand at different places of their lines.
                marks = (number % _EVERY, _EVERY)
                style = line_style(number)
                panel.plot(_BETAS, curves[row, column], label=plain_text(row.label), markevery=marks, **style)
        panel.axvline(1, color="black", linewidth=0.6, linestyle=":")
        panel.set_xscale("log")
        panel.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        panel.set(ylim=(-3, 103), xlabel="beta (weight of fairness)", ylabel="F_beta (percent)")
        panel.set_title(column_title(axes, column), fontsize=10)
        tidy_axes(panel)
    set_head(figure, "F_beta of NMI (beta near 0) and MNCE (large beta), mean over seeds", suite_text(axes))
    add_legend(figure, panels, ranked)
    return write_figure(figure, out)


def _curve(held: Sequence[Record]) -> NDArray[np.float64] | None:
    """Mean over seeds at every beta, in percent; None where no run has both metrics."""
    pairs = [(record.metrics.get("nmi"), record.metrics.get("mnce")) for record in held]
    defined = [(u, v) for u, v in pairs if u is not None and v is not None]
    if not defined:
        return None
    return np.array(
        [PERCENT * statistics.fmean(f_measure(u, v, beta) for u, v in defined) for beta in map(float, _BETAS)]
    )
