"""All figures that committed records alone can make."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

from bench.errors import ResultsError
from bench.metadata import REFERENCE_INFO
from bench.record import Record
from bench.reporting.plots.beta import beta_figure
from bench.reporting.plots.information import information_figure
from bench.reporting.plots.runs import Catalogue, settings_of
from bench.reporting.plots.selection import selection_figure
from bench.reporting.plots.sensitivity import sensitivity_figure
from bench.reporting.plots.tradeoff import tradeoff_figure

__all__ = ["figures_of"]

Draw = Callable[[Path], tuple[Path, ...]]

# Fewer seeds say nothing of a correlation, fewer methods nothing of a comparison.
_FEWEST_SEEDS, _FEWEST_METHODS = 10, 2
_WEIGHTS = ("alpha", "beta")


def figures_of(suite: str, records: Sequence[Record], catalogue: Catalogue) -> dict[str, Draw]:
    """The figures that `records` can make, by the names of their files.

    ``SUITE-tradeoff`` and ``SUITE-beta`` where methods are compared; and by method and data set ``information`` where
    a weight of FCMI's losses was set to 0, ``sensitivity`` where it had several other values, ``selection`` where ten
    seeds or more ran.

    Parameters
    ----------
    suite : str
        What the names begin with.
    records : sequence of Record
        One for every method, data set and seed.
    catalogue : Catalogue
        Titles and default parameters.

    Returns
    -------
    dict of str to callable
        Each takes the path to write to and returns the files, as the figure's own function does.
    """
    ended = sorted((r for r in records if r.status == "ok"), key=lambda r: (r.spec.dataset, r.spec.method))
    figures: dict[str, Draw] = {}
    compared = {record.spec.method for record in ended if _ranked(record, catalogue)}
    if len(compared) >= _FEWEST_METHODS:
        figures[f"{suite}-tradeoff"] = partial(tradeoff_figure, ended, catalogue=catalogue)
        figures[f"{suite}-beta"] = partial(beta_figure, ended, catalogue=catalogue)
    for (dataset, method), found in groupby(ended, key=lambda r: (r.spec.dataset, r.spec.method)):
        for name, draw in _of_one_method(list(found), catalogue).items():
            figures[f"{suite}-{name}-{method}-{dataset}"] = draw
    return figures


def _ranked(record: Record, catalogue: Catalogue) -> bool:
    info = catalogue.methods.get(record.spec.method)
    return record.spec.method != REFERENCE_INFO.name and (info is None or info.family != "control")


def _of_one_method(runs: Sequence[Record], catalogue: Catalogue) -> Mapping[str, Draw]:
    figures: dict[str, Draw] = {}
    try:
        tried = settings_of(runs, _WEIGHTS, catalogue.usual(runs)).held
    except ResultsError:
        tried = {}
    if len(tried) > 1:
        removed = any(not all(setting) for setting in tried)
        draw = information_figure if removed else sensitivity_figure
        figures["information" if removed else "sensitivity"] = partial(draw, runs, catalogue=catalogue)
    restarts = settings_of(runs, (), catalogue.usual(runs)).held[()]
    if len(restarts) >= _FEWEST_SEEDS and all(run.history and run.metrics.get("acc") is not None for run in restarts):
        figures["selection"] = partial(selection_figure, runs, catalogue=catalogue)
    return figures
