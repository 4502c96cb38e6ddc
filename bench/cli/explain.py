"""``bench explain``: the runs behind a cell of the table."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.app import DEFAULT_RESULTS, Format, Plugins, app, console, print_json, registry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.table import Table as RichTable

    from bench.lineage_model import Figure, Lineage, Parameters, Run, Variant

__all__ = ["explain"]

_DASH = "\N{EN DASH}"
_COMMIT_DIGITS = 10


@app.command()
def explain(
    method: Annotated[str, typer.Argument(help="A method.")],
    dataset: Annotated[str, typer.Argument(help="A data set.")],
    metric: Annotated[str | None, typer.Argument(help="A metric; the paper's five by default.")] = None,
    output: Format = "text",
    results: Annotated[
        Path,
        typer.Option("--results", envvar="BENCH_RESULTS", help="Results folder, or .jsonl file.", metavar="DIR|FILE"),
    ] = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Trace a figure to its runs: seeds, parameters, machine, code, logs, and what is known of the published value."""
    from bench.lineage import explain as trace
    from bench.registry import normalise
    from bench.reporting.headers import PAPER_METRICS

    metrics = PAPER_METRICS if metric is None else (normalise(metric),)
    found = trace(results, method, dataset, registry(plugins), metrics)
    if output == "json":
        print_json(asdict(found))
        return
    _Page().lineage(found)


class _Page:
    """Writes a lineage for people: tables that fit eighty columns, and lines that can be copied."""

    def __init__(self) -> None:
        self.out = console()

    def lineage(self, found: Lineage) -> None:
        """Write all variants, one after the other."""
        for number, variant in enumerate(found.variants):
            if number:
                self.out.print("\n")
            self._variant(variant)
        if found.published_source:
            self._section("Published values", [found.published_source])

    def _variant(self, variant: Variant) -> None:
        ended = f"{variant.n} of {variant.requested} seeds ended well"
        self._line(f"{variant.method} on {variant.dataset}: {ended}", style="bold")
        self._table(_figures_table(variant.figures))
        self._section("No value", _missing_lines(variant.figures))
        self._section("Beside the published values", _published_lines(variant.figures))
        self._table(_outcomes_table(variant.runs, variant.figures))
        self._section("Did not end well", _failure_lines(variant.runs))
        self._table(_origins_table(variant.runs))
        self._section("Remarks", variant.remarks)
        self._section("Parameters of the method", _parameter_lines(variant.method_params))
        self._section("Parameters of the data set", _parameter_lines(variant.dataset_params))
        self._section("Protocol", variant.flags)
        self._section("On the method", variant.method_notes)
        self._section("On the data set", variant.dataset_notes)
        self._records("Records", variant.runs)
        self._records("Older records, not in the figures", variant.earlier)

    def _table(self, table: RichTable) -> None:
        self.out.print()
        self.out.print(table, soft_wrap=False)

    def _section(self, heading: str, lines: Sequence[str]) -> None:
        """Write sentences, wrapped for a terminal and whole for a pipe."""
        from rich.padding import Padding
        from rich.text import Text

        if lines:
            self.out.print()
            self._line(heading, style="bold")
        for line in lines:
            if self.out.is_terminal:
                self.out.print(Padding(Text(_plain(line)), (0, 0, 0, 2), expand=False), soft_wrap=False)
            else:
                self._line(f"  {line}")

    def _records(self, heading: str, runs: Sequence[Run]) -> None:
        """Write keys and logs, never wrapped, so that they can be copied."""
        if not runs:
            return
        self.out.print()
        self._line(heading, style="bold")
        for run in runs:
            self._line(f"  seed {run.seed}  key {run.key}")
            if run.log:
                self._line(f"  {' ' * len(f'seed {run.seed}')}  log {run.log}")
        if not any(run.log for run in runs):
            self._line("  no logs here: they stay in the results folder of the run, as logs/KEY.log")

    def _line(self, text: str, style: str = "") -> None:
        self.out.print(_plain(text), style=style, markup=False)


def _figures_table(figures: Sequence[Figure]) -> RichTable:
    rows = [
        (
            figure.title,
            _number(figure.mean),
            _number(figure.std),
            str(figure.n),
            _number(figure.published),
            _difference(figure),
        )
        for figure in figures
    ]
    return _drawn(("Metric", "mean", "sd", "n", "published", "ours - published"), rows, left=(0,))


def _outcomes_table(runs: Sequence[Run], figures: Sequence[Figure]) -> RichTable:
    heads = ("Seed", "status", *(figure.title for figure in figures), "seconds")
    rows = [
        (
            str(run.seed),
            run.status,
            *(_number(run.metrics[figure.metric]) for figure in figures),
            _number(run.seconds, digits=2),
        )
        for run in runs
    ]
    return _drawn(heads, rows, left=(1,))


def _origins_table(runs: Sequence[Run]) -> RichTable:
    heads = ("Seed", "device", "precision", "threads", "commit", "started", "machine")
    rows = [
        (
            str(run.seed),
            run.device or _DASH,
            run.precision or _DASH,
            str(run.threads or _DASH),
            (run.commit[:_COMMIT_DIGITS] or _DASH) + ("+" if run.dirty else ""),
            f"{run.started[:16].replace('T', ' ')}Z" if run.started else _DASH,
            _machine(run) or _DASH,
        )
        for run in runs
    ]
    return _drawn(heads, rows, left=range(1, len(heads)))


def _drawn(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: Iterable[int]) -> RichTable:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="")
    for index, head in enumerate(heads):
        last = index == len(heads) - 1
        table.add_column(head, justify="left" if index in left else "right", overflow="fold", no_wrap=not last)
    for row in rows:
        # Text, so that a name from a record is never read as markup.
        table.add_row(*(Text(_plain(value)) for value in row))
    return table


def _missing_lines(figures: Sequence[Figure]) -> list[str]:
    # Where no run ended well, the runs say why.
    return _grouped((figure.reason, figure.title) for figure in figures if figure.status == "undefined")


def _published_lines(figures: Sequence[Figure]) -> list[str]:
    from bench.reporting.gaps import GAP

    unexplained = f"more than {GAP:g} points from the published value, and nothing explains it yet"
    said = []
    for figure in figures:
        why = [figure.explanation or unexplained] if figure.gap else []
        said += [(text, figure.title) for text in (*figure.doubts, *why)]
    return _grouped(said)


def _failure_lines(runs: Sequence[Run]) -> list[str]:
    failed = [run for run in runs if run.status != "ok"]
    return _grouped((f"{run.status}: {run.reason or 'no reason recorded'}", f"seed {run.seed}") for run in failed)


def _grouped(said: Iterable[tuple[str, str]]) -> list[str]:
    """Every text once, after the metrics or seeds that it is about; from (text, what it is about)."""
    about: dict[str, list[str]] = {}
    for text, what in said:
        about.setdefault(text, []).append(what)
    return [f"{', '.join(names)}: {text}" for text, names in about.items()]


def _parameter_lines(params: Parameters) -> list[str]:
    from bench.reporting.axes import parameter_text

    if params.defaults is None:
        lines = [f"{name}={parameter_text(value)}" for name, value in params.values.items()]
        return [*lines, "(its adapter cannot be loaded here, so these are all)"] if lines else []
    lines = [
        f"{name}={parameter_text(value)}"
        + (f" (default {parameter_text(params.defaults[name])})" if name in params.defaults else "")
        for name, value in params.changed.items()
    ]
    return lines or (["all at their defaults"] if params.values else [])


def _machine(run: Run) -> str:
    return "; ".join(part for part in (run.gpu if run.device.startswith("cuda") else "", run.cpu) if part)


def _difference(figure: Figure) -> str:
    if figure.mean is None or figure.published is None:
        return _DASH
    return f"{figure.mean - figure.published:+.1f}"


def _number(value: float | None, digits: int = 1) -> str:
    return _DASH if value is None else f"{value + 0.0:.{digits}f}"


def _plain(value: Any) -> str:
    """`value` on one line, without the control characters that steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in str(value))
