"""Whether label-free signs of a run go with its quality: for choosing a restart without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.record import Record
from bench.reporting.canvas import new_figure, write_figure
from bench.reporting.headers import select_headers
from bench.reporting.plots.runs import Catalogue, settings_of
from bench.reporting.plots.style import PERCENT, marker_style, set_head, tidy_axes
from bench.selection import CRITERIA, kept_restarts, run_criteria

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["rank_correlation", "selection_figure"]

_FEWEST = 3
_QUALITY = ("acc", "nmi", "f_beta")
# Of so many runs one is kept: the default of fcmi_restarts.
_RESTARTS = 5


def selection_figure(records: Sequence[Record], out: Path, *, catalogue: Catalogue) -> tuple[Path, ...]:
    """Draw ACC, NMI and F_beta over every label-free criterion, a point a seed.

    Above each panel stand Spearman's correlation and what choosing is worth: the mean quality of the run that the
    criterion keeps of five (of all but one, where there are fewer than six) over all choices of five, and that of all
    runs. Of several parameter settings, the one with most seeds is drawn. See :func:`bench.selection.run_criteria`.

    Parameters
    ----------
    records : sequence of Record
        Runs of one method on one data set that ended well.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    catalogue : Catalogue
        Titles and default parameters.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    ResultsError
        With fewer than three seeds, or without true labels.
    InvalidInputError
        For another ending.
    """
    runs = settings_of(records, (), catalogue.usual(records)).held[()]
    spec = runs[0].spec
    if len(runs) < _FEWEST:
        command = catalogue.command(runs[0], "0-9")
        raise ResultsError(
            f"{len(runs)} seeds of {spec.method} on {spec.dataset} ran with equal parameters, a correlation takes at "
            f"least {_FEWEST}; `{command}` runs ten"
        )
    found = run_criteria(runs)
    signs = {name: np.array([getattr(one, name) for one in found]) for name in CRITERIA}
    signs = {name: values for name, values in signs.items() if np.isfinite(values).all()}
    heads = select_headers(_QUALITY, ())
    quality = {head.key: np.array([run.metrics.get(head.key) for run in runs], dtype=np.float64) for head in heads}
    heads = tuple(head for head in heads if np.isfinite(quality[head.key]).all())
    if not heads:
        raise ResultsError(f"the runs of {spec.method} on {spec.dataset} have no ACC and NMI: no true labels")
    restarts = min(_RESTARTS, len(runs) - 1)
    kept = kept_restarts(runs, restarts)
    figure = new_figure(3.3 * len(signs) + 0.4, 3.2 * len(heads))
    panels = figure.subplots(len(heads), len(signs), squeeze=False, sharex="col", sharey="row")
    for row, head in zip(panels, heads, strict=True):
        percent = PERCENT * quality[head.key]
        for panel, (name, values) in zip(row, signs.items(), strict=True):
            _draw(panel, values, percent, [run.spec.seed for run in runs])
            worth = f"kept of {restarts}: {percent[kept[name]].mean():.1f}, all: {percent.mean():.1f}"
            panel.set_title(f"{_correlation_text(values, percent)}; {worth}", fontsize=9)
        row[0].set_ylabel(f"{head.title} (percent)")
    for panel, name in zip(panels[-1], signs, strict=True):
        panel.set_xlabel(CRITERIA[name], fontsize=9)
        panel.locator_params(axis="x", nbins=5)
    set_head(figure, f"{catalogue.subject(runs)}: signs without labels; numbers are seeds", catalogue.budget(runs))
    return write_figure(figure, out)


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Spearman's correlation of two arrays (n,), in [-1, 1]; NaN where one of them is constant."""
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic)


def _draw(panel: Axes, values: NDArray[np.float64], quality: NDArray[np.float64], seeds: Sequence[int]) -> None:
    panel.plot(values, quality, linestyle="", **marker_style(0))
    for x, y, seed in zip(values, quality, seeds, strict=True):
        panel.annotate(str(seed), (x, y), xytext=(5, 4), textcoords="offset points", fontsize=8)
    panel.margins(0.12)
    tidy_axes(panel)


def _correlation_text(values: NDArray[np.float64], quality: NDArray[np.float64]) -> str:
    rho = rank_correlation(values, quality)
    return "Spearman undefined" if np.isnan(rho) else f"Spearman {rho:+.2f}"
