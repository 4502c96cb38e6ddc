"""Metrics over the values of one or two parameters: Figure 5 of the FCMI paper."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import InvalidInputError, ResultsError
from bench.record import Record
from bench.reporting.axes import parameter_text
from bench.reporting.canvas import new_figure, plain_text, write_figure
from bench.reporting.headers import MetricHeader, select_headers
from bench.reporting.plots.runs import Catalogue, Settings, metric_values, settings_of, spread, whisker_text
from bench.reporting.plots.style import bar_style, legend_beside, set_head, tidy_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["sensitivity_figure"]

_INCH_A_BAR, _INCH_AROUND = 0.13, 0.9


def sensitivity_figure(
    records: Sequence[Record],
    out: Path,
    *,
    catalogue: Catalogue,
    parameters: Sequence[str] = ("alpha", "beta"),
    metrics: Sequence[str] = ("acc", "mnce"),
) -> tuple[Path, ...]:
    """Draw bars over the values of the first parameter, one for every value of the second; a panel a metric.

    Of several choices of the other parameters the one that was run with most values is drawn; a setting that was not
    run leaves a gap. Whiskers are one sample standard deviation over seeds; a single seed has none.

    Parameters
    ----------
    records : sequence of Record
        Runs of one method on one data set that ended well.
    out : Path
        Where to: ``.png``, ``.pdf``, or both where it has no ending.
    catalogue : Catalogue
        Titles and default parameters.
    parameters : sequence of str
        Names of one or two parameters.
    metrics : sequence of str
        Metric keys.

    Returns
    -------
    tuple of Path
        The files.

    Raises
    ------
    ResultsError
        If one setting only was run; names the command that runs another.
    UnknownNameError
        For an unknown metric.
    InvalidInputError
        For another number of parameters, or another ending.
    """
    if len(parameters) not in (1, 2):
        raise InvalidInputError(f"{len(parameters)} parameters given; the figure takes one or two")
    heads = select_headers(metrics, {key for record in records for key in record.metrics})
    settings = settings_of(records, parameters, catalogue.usual(records))
    if len(settings.held) == 1:
        raise ResultsError(_one_setting(settings, catalogue))
    firsts = settings.values(0)
    bars = settings.values(1) if len(parameters) == 2 else [None]
    width = _INCH_A_BAR * len(firsts) * (len(bars) + 1.5) + _INCH_AROUND
    figure = new_figure(max(width, 2.6) * len(heads) + 1.1, 3.7)
    panels = figure.subplots(1, len(heads), squeeze=False)[0]
    for panel, head in zip(panels, heads, strict=True):
        for number, second in enumerate(bars):
            groups = [settings.held.get((first,) if second is None else (first, second), ()) for first in firsts]
            label = "" if second is None else f"{parameters[1]}={parameter_text(second)}"
            _draw(panel, groups, head, (number - (len(bars) - 1) / 2, len(bars)), label, number)
        panel.set_xticks(range(len(firsts)), [plain_text(parameter_text(first)) for first in firsts], fontsize=9)
        panel.set(xlabel=parameters[0], ylabel=head.title + (" (percent)" if head.unit == "percent" else ""))
        tidy_axes(panel)
        panel.grid(visible=False, axis="x")
    shown = [run for runs in settings.held.values() for run in runs]
    subject = f"{catalogue.subject(records)} by {' and '.join(parameters)}{whisker_text(settings.held.values())}"
    set_head(figure, subject, catalogue.budget(shown))
    if len(parameters) == 2:
        legend_beside(figure, *panels[0].get_legend_handles_labels())
    return write_figure(figure, out)


def _draw(
    panel: Axes,
    groups: Sequence[Sequence[Record]],
    head: MetricHeader,
    place: tuple[float, int],
    label: str,
    number: int,
) -> None:
    """Bars number `number`, at `place` (steps from the middle, bars a group); none where nothing was run."""
    offset, count = place
    width = 0.85 / count
    values = [[head.scale * value for value in metric_values(runs, head.key)] for runs in groups]
    kept = [i for i, found in enumerate(values) if found]
    style: dict[str, Any] = bar_style(number)
    panel.bar(
        np.array(kept, dtype=np.float64) + offset * width,
        [statistics.fmean(values[i]) for i in kept],
        width,
        yerr=[spread(values[i]) for i in kept],
        error_kw={"linewidth": 0.9, "capsize": 1.5},
        linewidth=0.6,
        label=plain_text(label),
        **style,
    )


def _one_setting(settings: Settings, catalogue: Catalogue) -> str:
    (setting, runs), *_ = settings.held.items()
    spec = runs[0].spec
    given = ", ".join(f"{name}={parameter_text(value)}" for name, value in zip(settings.names, setting, strict=True))
    command = catalogue.command(runs[0], ",".join(str(run.spec.seed) for run in runs))
    return (
        f"{spec.method} ran on {spec.dataset} with {given} alone; "
        f"`{command} --set {spec.method}.{settings.names[0]}=...` runs it with another value"
    )
