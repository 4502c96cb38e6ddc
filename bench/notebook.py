"""Runs from a notebook or a script: the same records, resumption and tracking as ``bench run``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from io import StringIO
from operator import index
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.cli.app import complain, console
from bench.cli.bar import Bar
from bench.cli.results import comparison_table
from bench.cli.view import view_for
from bench.data.store import Store
from bench.errors import InvalidInputError, UnknownNameError
from bench.harmless import for_terminal
from bench.invocation import Invocation
from bench.pending import Only
from bench.plan import make_plan
from bench.record import Record
from bench.records import RecordStore, record_row
from bench.registry import Registry
from bench.reporting.html import html_table
from bench.reporting.render import FORMATS, render
from bench.suite import Grid, Settings, Suite, parse_seeds

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from bench.listeners import Listener
    from bench.reporting.model import Table

__all__ = ["Results", "run"]

_WIDTH = 120

Names = str | Sequence[str]
Folder = str | Path


class Results(pd.DataFrame):
    """The runs that were asked for: a data frame with one row a run, shown as the table that compares them.

    Columns are ``key``, ``method``, ``dataset``, ``seed``, ``status``, ``reason``, a fraction in [0, 1] for each
    metric, parameters as ``method.NAME`` and ``dataset.NAME``, and time, memory and device. A run that failed has its
    row too. What is made of it (a selection, a copy, a mean) is a plain data frame and is shown as one.

    Parameters
    ----------
    records : sequence of Record
        One a run.
    plugins : sequence of Path
        Folders with adapters of the user's own.

    Attributes
    ----------
    records : tuple of Record
        What the rows are made of, with what the methods logged and the labels.
    """

    # What pandas takes for attributes, not for columns.
    _metadata = ["records", "plugins"]  # noqa: RUF012

    def __init__(self, records: Iterable[Record], plugins: Sequence[Path] = ()) -> None:
        held = tuple(records)
        super().__init__([record_row(record) for record in held])  # type: ignore[call-arg]
        self.records = held
        self.plugins = tuple(plugins)

    @property
    def _constructor(self) -> Callable[..., pd.DataFrame]:
        return pd.DataFrame

    def table(self, format: str = "text", *, metrics: Sequence[str] = ()) -> str:  # noqa: A002
        """Compare the methods over the data sets, as ``bench table`` does.

        Parameters
        ----------
        format : {"text", "html", "markdown", "latex", "csv", "json"}
            How to write it.
        metrics : sequence of str
            Metric keys, the paper's five by default.

        Raises
        ------
        UnknownNameError
            For another format, or a metric that is neither known nor recorded.
        ResultsError
            If there are no runs.
        """
        if format not in ("text", "html", *FORMATS):
            raise UnknownNameError("table format", format, ("text", "html", *FORMATS))
        built = comparison_table(list(self.records), Registry(self.plugins), metrics=metrics, allow_mixed=True)
        if format == "html":
            return html_table(built)
        return _text(built) if format == "text" else render(built, format)

    def __repr__(self) -> str:
        return self.table() if self.records else super().__repr__()

    def _repr_html_(self) -> str | None:
        return self.table("html") if self.records else None


def run(
    methods: Names,
    datasets: Names,
    *,
    seeds: int | str | Iterable[int] = (0,),
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    results: Folder = "results/local",
    device: str = "auto",
    jobs: int | None = None,
    timeout: float | None = None,
    only: Only = "missing",
    quiet: bool = False,
    tracking_uri: str | None = None,
    plugins: Folder | Sequence[Folder] = (),
) -> Results:
    """Run methods x data sets x seeds; what is done already is not run again.

    Records, logs and MLflow database are those of ``bench run --results DIR``, and either goes on where the other has
    stopped. Interrupting the kernel ends what runs; finished runs are kept.

    Parameters
    ----------
    methods, datasets : str or sequence of str
        Names, in a list or with commas; ``"all"`` for all.
    seeds : int, iterable of int, or str
        Seeds of the methods, such as ``range(5)`` or ``"0-4"``.
    settings : mapping of str to mapping, optional
        Parameters by method or data set, such as ``{"fcmi": {"epochs": 5}}``.
    results : str or Path
        Results folder.
    device : str
        ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:0,1"``.
    jobs : int, optional
        Runs at a time; by default one a core, or one a GPU.
    timeout : float, optional
        Seconds a run may take.
    only : {"missing", "failed", "timeout", "oom", "all"}
        Which of the runs to start; ``"missing"`` are those that have not ended yet.
    quiet : bool
        Whether to show no progress.
    tracking_uri : str, optional
        MLflow store; ``"none"`` for no tracking, by default the results folder's own.
    plugins : str, Path or sequence of them
        Folders with adapters of your own.

    Returns
    -------
    Results
        A data frame with a row for every run that has a record, in the order asked for.

    Raises
    ------
    BenchError
        For a mistake in what was given, in one line; nothing was run then.
    KeyboardInterrupt
        If it was interrupted. The same call goes on from there.
    """
    folders = [plugins] if isinstance(plugins, str | Path) else list(plugins)
    registry = Registry([Path(folder) for folder in folders])
    suite = Suite(
        grid=[Grid(methods=_names("methods", methods), datasets=_names("datasets", datasets), seeds=_seeds(seeds))]
    )
    invocation = Invocation(only=only, device=device, jobs=jobs, timeout=_timeout(timeout), tracking_uri=tracking_uri)
    overrides = _settings(settings or {})
    records = RecordStore(Path(results))
    records.prepare()
    plan = make_plan(suite, registry, Store.default(), overrides)
    summary = invocation.carry_out(plan, records, name="bench.run", tell=complain, view=None if quiet else _view())
    if summary.interrupted:
        raise KeyboardInterrupt("finished runs are kept, the same call goes on from here")
    found = (records.read(run.key) for run in plan.runs)
    return Results((record for record in found if record is not None), registry.plugins)


def _view() -> AbstractContextManager[Listener]:
    """A bar where one can be drawn, and plain lines elsewhere."""
    out = console()
    drawable = out.is_terminal or (out.is_jupyter and find_spec("ipywidgets") is not None)
    return Bar(out) if drawable else view_for(out)


def _text(table: Table) -> str:
    from rich.console import Console

    from bench.reporting.terminal import terminal_table

    out = Console(file=StringIO(), width=_WIDTH, force_jupyter=False, color_system=None)
    out.print(terminal_table(table), markup=False)
    return for_terminal(out.file.getvalue())  # type: ignore[attr-defined]


def _names(what: str, given: Names) -> list[str]:
    names = [given] if isinstance(given, str) else list(given) if isinstance(given, Iterable) else [given]
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidInputError(f'{what}={given!r} given; it takes names, such as {what}=["all"]')
    return names


def _seeds(given: int | str | Iterable[int]) -> list[int]:
    if isinstance(given, str):
        return parse_seeds(given)
    seeds = list(given) if isinstance(given, Iterable) else [given]
    try:
        numbers = [index(seed) for seed in seeds]
    except TypeError:
        numbers = []
    if not numbers or not all(0 <= number < 2**32 for number in numbers):
        raise InvalidInputError(f'seeds={given!r} given; it takes whole numbers from 0, such as range(5) or "0-4"')
    return numbers


def _settings(given: Mapping[str, Mapping[str, Any]]) -> Settings:
    if not isinstance(given, Mapping) or not all(isinstance(params, Mapping) for params in given.values()):
        raise InvalidInputError(
            f'settings={given!r} given; it takes parameters by name, such as {{"fcmi": {{"epochs": 5}}}}'
        )
    return {name: dict(params) for name, params in given.items()}


def _timeout(given: float | None) -> float | None:
    if given is not None and not (isinstance(given, int | float) and given > 0):
        raise InvalidInputError(f"timeout={given!r} given; it takes seconds, more than 0")
    return given
