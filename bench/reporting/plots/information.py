"""I(X;C|G) and I(G;C) over training, with each loss removed: Figure 6 of the FCMI paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bench.errors import ResultsError
from bench.record import Record
from bench.reporting.canvas import new_figure, write_figure
from bench.reporting.plots.runs import Catalogue, Setting, Settings, settings_of
from bench.reporting.plots.style import legend_beside, line_style, set_head, tidy_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["information_figure", "missing_ablations"]

# Weights of L_clu and L_fair.
_WEIGHTS = ("alpha", "beta")
_CURVES = {"mi_xc_given_g": "I(X;C|G) (nats)", "mi_gc": "I(G;C) (nats)"}
_EVERY = 8


def information_figure(records: Sequence[Record], out: Path, *, catalogue: Catalogue) -> tuple[Path, ...]:
    """Draw the information of clusters about samples and about groups by epoch, a line for every set of losses.

    Lines are means over seeds, bands one sample standard deviation about them. Of several settings the one of which
    most ablations were run is drawn; an ablation that was not run has no line (:func:`missing_ablations`).

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
        If the method has no weights ``alpha`` and ``beta`` or logs no such information.
    InvalidInputError
        For another ending.
    """
    usual = catalogue.usual(records)
    settings = settings_of(records, _WEIGHTS, usual)
    names = _ablations(_base(settings, usual))
    figure = new_figure(9.4, 3.7)
    panels = figure.subplots(1, len(_CURVES))
    # A line keeps its style whichever others were run.
    drawn = [(n, name, settings.held[one]) for n, (name, one) in enumerate(names.items()) if one in settings.held]
    for panel, (field, label) in zip(panels, _CURVES.items(), strict=True):
        for number, name, runs in drawn:
            _draw(panel, _curves(runs, field), name, number)
        panel.set(xlabel="epoch", ylabel=label)
        tidy_axes(panel)
    subject = f"{catalogue.subject(records)}: information over training; bands: one standard deviation"
    set_head(figure, subject, catalogue.budget([run for _, _, runs in drawn for run in runs]))
    legend_beside(figure, *panels[0].get_legend_handles_labels(), handlelength=3.2)
    return write_figure(figure, out)


def missing_ablations(records: Sequence[Record], catalogue: Catalogue) -> list[str]:
    """Commands that run what :func:`information_figure` lacks; raises as that does.

    Parameters
    ----------
    records : sequence of Record
        Runs of one method on one data set that ended well.
    catalogue : Catalogue
        Default parameters: these go without saying.
    """
    usual = catalogue.usual(records)
    settings = settings_of(records, _WEIGHTS, usual)
    base = _base(settings, usual)
    runs = next(iter(settings.held.values()))
    seeds = ",".join(str(run.spec.seed) for run in runs)
    return [
        catalogue.command(runs[0], seeds, **dict(zip(_WEIGHTS, setting, strict=True)))
        for setting in _ablations(base).values()
        if setting not in settings.held
    ]


def _base(settings: Settings, usual: Mapping[str, Any]) -> Setting:
    """The weights of which most ablations were run; defaults stand for a weight that was 0 in all runs."""

    def rank(setting: Setting) -> tuple[int, int, str]:
        found = [one for one in _ablations(setting).values() if one in settings.held]
        return (len(found), sum(len(settings.held[one]) for one in found), repr(setting))

    alphas, betas = (
        [value for value in settings.values(place) if value] or [usual.get(name)] for place, name in enumerate(_WEIGHTS)
    )
    return max(product(alphas, betas), key=rank)


def _ablations(base: Setting) -> dict[str, Setting]:
    alpha, beta = base
    return {
        "all losses": base,
        f"without L_fair ({_WEIGHTS[1]}=0)": (alpha, 0.0),
        f"without L_clu ({_WEIGHTS[0]}=0)": (0.0, beta),
        "L_rec alone": (0.0, 0.0),
    }


def _curves(runs: Sequence[Record], field: str) -> NDArray[np.float64]:
    """Values (seeds, epochs) of the epochs that all `runs` logged."""
    rows = [[row[field] for row in run.history if row.get(field) is not None] for run in runs]
    length = min(map(len, rows))
    if not length:
        spec = runs[0].spec
        raise ResultsError(f"the runs of {spec.method} on {spec.dataset} log no {field}; FCMI's do")
    return np.array([row[:length] for row in rows], dtype=np.float64)


def _draw(panel: Axes, values: NDArray[np.float64], name: str, number: int) -> None:
    mean, epochs = values.mean(axis=0), np.arange(values.shape[1])
    style: dict[str, Any] = line_style(number)
    step = max(len(epochs) // _EVERY, 1)
    panel.plot(epochs, mean, label=name, markevery=(number * step // 4 % step, step), **style)
    if len(values) > 1:
        sd = values.std(axis=0, ddof=1)
        panel.fill_between(epochs, mean - sd, mean + sd, color=style["color"], alpha=0.18, linewidth=0)
