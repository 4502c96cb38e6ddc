"""``bench table``, ``export``, ``pack``, ``sync``, ``ui``: what came of the runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, console, registry
from bench.errors import BenchError, ResultsError

# Where records are read: a results folder, or a file of packed records.
Source = Annotated[
    Path, typer.Option("--results", envvar="BENCH_RESULTS", help="Results folder, or .jsonl file.", metavar="DIR|FILE")
]

if TYPE_CHECKING:
    from bench.record import Record
    from bench.registry import Entry, Registry
    from bench.reporting.model import Table
    from bench.reporting.table_layouts import TableLayout

__all__ = [
    "Names",
    "Source",
    "chosen_records",
    "comparison_table",
    "default_params",
    "export",
    "pack",
    "split_names",
    "sync",
    "table",
    "ui",
    "write_text",
]

Names = Annotated[list[str] | None, typer.Option(help="Names with commas; all that have records by default.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write.", metavar="FILE")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow store; the results folder's own by default.")]


@app.command()
def table(
    name: Annotated[
        str | None, typer.Argument(help="A published table, like table2; by default all methods that have records.")
    ] = None,
    output: Annotated[
        Literal["terminal", "markdown", "overview", "latex", "csv", "json"],
        typer.Option("--format", help="How to write it; 'overview' is Markdown of the last metric alone."),
    ] = "terminal",
    metrics: Annotated[list[str] | None, typer.Option(help="Metrics with commas; the paper's five by default.")] = None,
    methods: Names = None,
    datasets: Names = None,
    allow_mixed: Annotated[
        bool,
        typer.Option("--allow-mixed", help="Show runs on several versions of data in one column, with a footnote."),
    ] = False,
    out: Out = None,
    results: Source = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Compare methods over data sets, ours beside the published numbers."""
    from bench.records import latest, open_records
    from bench.reporting.render import render
    from bench.reporting.table_layouts import table_layout

    layout = None if name is None else table_layout(name)
    current = latest(open_records(results).outlines())
    built = comparison_table(
        chosen_records(current, split_names(methods), split_names(datasets)),
        registry(plugins),
        layout,
        metrics=split_names(metrics) or (),
        allow_mixed=allow_mixed,
        complete=not methods and not datasets,
    )
    if output == "terminal":
        if out is not None:
            raise BenchError("--out needs a format for files: --format markdown, overview, latex, csv or json")
        from bench.reporting.terminal import terminal_table

        console().print(terminal_table(built), soft_wrap=False, markup=False)
        return
    write_text(render(built, output), out)


@app.command()
def export(
    output: Annotated[Literal["csv", "json"], typer.Option("--format", help="How to write it.")] = "csv",
    out: Out = None,
    results: Source = DEFAULT_RESULTS,
) -> None:
    """Write one row for every run: method, data set, seed, parameters, metrics, time, memory."""
    from bench.records import open_records

    frame = open_records(results).frame()
    if frame.empty:
        raise ResultsError(f"there are no records in {results}; `bench run` makes some")
    if output == "json":
        write_text(frame.to_json(orient="records", indent=2) + "\n", out)
        return
    from bench.harmless import for_spreadsheet

    write_text(frame.map(for_spreadsheet).rename(columns=for_spreadsheet).to_csv(index=False), out)


@app.command()
def pack(
    out: Annotated[Path, typer.Option("--out", "-o", help="File that ends in .jsonl.", metavar="FILE")],
    suite: Annotated[str | None, typer.Option(help="Only the records of this suite.")] = None,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Put records into one compact file, to commit or to pass on; what is in the file already stays, or is renewed."""
    from bench.records import RecordFile, latest, open_records

    if out.suffix != ".jsonl":
        raise BenchError(f"--out {out} given; it takes a file that ends in .jsonl")
    file = RecordFile(out)
    chosen = [record for record in open_records(results) if suite is None or record.suite == suite]
    if not chosen:
        raise ResultsError(f"there are no such records in {results}; `bench status` counts what is there")
    file.write(latest([*chosen, *(file if out.exists() else ())]))
    console(stderr=True).print(f"{len(chosen)} records written to {out}", markup=False)


@app.command()
def sync(results: ResultsFolder = DEFAULT_RESULTS, tracking_uri: TrackingUri = None) -> None:
    """Mirror the records into MLflow; what is there already stays as it is."""
    from bench.records import open_records
    from bench.tracking import resolve_uri
    from bench.tracking import sync as mirror

    uri = resolve_uri(tracking_uri, results)
    if uri is None:
        raise BenchError("--tracking-uri none leaves nothing to mirror into; name a store")
    done = mirror(open_records(results), uri, results)
    console().print(f"{done.added} added, {done.updated} replaced, {done.already} there already")


@app.command()
def ui(
    results: ResultsFolder = DEFAULT_RESULTS,
    tracking_uri: TrackingUri = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 5000,
) -> None:
    """Open MLflow's pages over the results, for this machine only."""
    from bench.tracking import resolve_uri, serve_command

    uri = resolve_uri(tracking_uri, results)
    if uri is None:
        raise BenchError("--tracking-uri none leaves nothing to show; name a store")
    console().print(f"MLflow at http://127.0.0.1:{port} (Ctrl-C ends it)")
    try:
        sys.exit(subprocess.run(serve_command(uri, results, port=port), check=False).returncode)
    except KeyboardInterrupt:
        sys.exit(0)


def comparison_table(
    records: list[Record],
    found: Registry,
    layout: TableLayout | None = None,
    *,
    metrics: Sequence[str] = (),
    allow_mixed: bool = False,
    complete: bool = True,
    command: str = "",
) -> Table:
    """The table of `records` in a published layout, whole if `complete`, or of all methods and data sets in them."""
    from bench.metadata import REFERENCE_INFO
    from bench.reporting.arrange import arranged_table
    from bench.reporting.cells import build_table
    from bench.reporting.headers import PAPER_METRICS

    entries = found.recorded_methods({record.spec.method for record in records})
    method_infos: dict[str, Any] = {name: entry.info for name, entry in entries.items() if entry.info}
    dataset_infos: dict[str, Any] = {name: entry.info for name, entry in found.datasets.items() if entry.info}
    shared: dict[str, Any] = {
        "methods": {**method_infos, REFERENCE_INFO.name: REFERENCE_INFO},
        "datasets": dataset_infos,
        "custom": found.metrics,
        "defaults": default_params(entries, {record.spec.method for record in records}),
        "allow_mixed": allow_mixed,
    }
    if layout is not None and layout.row:
        return arranged_table(layout, records, metrics=metrics, **shared)
    return build_table(
        records,
        metrics=metrics or PAPER_METRICS,
        dataset_defaults=default_params(found.datasets, {record.spec.dataset for record in records}),
        complete=complete and layout is not None,
        command=command if layout is None else layout.command,
        **shared,
    )


def default_params(entries: dict[str, Entry], names: set[str]) -> dict[str, dict[str, Any]]:
    """Default parameters of those of `names` that are registered."""
    from bench.plan import resolve_params

    return {name: resolve_params(entries[name], {}) for name in names if name in entries and not entries[name].problem}


def chosen_records(records: list[Record], methods: list[str] | None, datasets: list[str] | None) -> list[Record]:
    """Those of `records` that are of `methods` and on `datasets`, all where None; refuses names without records."""
    from bench.errors import UnknownNameError

    for what, names, there in (
        ("method with records", methods, {record.spec.method for record in records}),
        ("data set with records", datasets, {record.spec.dataset for record in records}),
    ):
        for name in names or ():
            if name not in there:
                raise UnknownNameError(what, name, there)
    return [
        record
        for record in records
        if (not methods or record.spec.method in methods) and (not datasets or record.spec.dataset in datasets)
    ]


def split_names(names: list[str] | None) -> list[str] | None:
    """Names that were given with commas, as the registry spells them; None for none."""
    from bench.registry import normalise

    return [normalise(part) for text in names or () for part in text.split(",") if part.strip()] or None


def write_text(text: str, out: Path | None) -> None:
    """Write `text` to a file, which is then named, or to standard output."""
    if out is None:
        console().out(text, end="", highlight=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{out} cannot be written ({error.strerror}); name another file") from None
    console(stderr=True).print(f"written to {out}", markup=False)
