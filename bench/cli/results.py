"""``bench table``, ``export``, ``pack``, ``plot``, ``sync``, ``ui``: what came of the runs."""

from __future__ import annotations

import subprocess
import sys
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
    from bench.records import RecordStore
    from bench.registry import Entry, Registry
    from bench.reporting.figures import Panel
    from bench.reporting.model import Table

__all__ = ["export", "pack", "plot", "sync", "table", "ui"]

Names = Annotated[list[str] | None, typer.Option(help="Names with commas; all that have records by default.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write.", metavar="FILE")]
TrackingUri = Annotated[str | None, typer.Option(help="MLflow store; the results folder's own by default.")]


@app.command()
def table(
    output: Annotated[
        Literal["terminal", "markdown", "latex", "csv", "json"], typer.Option("--format", help="How to write it.")
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
    from bench.reporting.render import render

    built = _table(results, registry(plugins), metrics, methods, datasets, allow_mixed=allow_mixed)
    if output == "terminal":
        if out is not None:
            raise BenchError("--out needs a format for files: --format markdown, latex, csv or json")
        from bench.reporting.terminal import terminal_table

        console().print(terminal_table(built), soft_wrap=False)
        return
    _write(render(built, output), out)


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
    _write(frame.to_csv(index=False) if output == "csv" else frame.to_json(orient="records", indent=2) + "\n", out)


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
def plot(
    what: Annotated[Literal["embedding"], typer.Argument(help="The picture.")],
    dataset: Annotated[str, typer.Option(help="Data set.")],
    methods: Annotated[list[str], typer.Option(help="Methods, a column each, left to right.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File: .png or .pdf.", metavar="FILE")],
    seed: Annotated[int, typer.Option(help="Seed of the runs.")] = 0,
    results: ResultsFolder = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Draw what methods learned of a data set: by class above, by group below."""
    from bench.records import RecordStore
    from bench.reporting.figures import embedding_figure

    found = registry(plugins)
    store = RecordStore(results)
    panels = [_panel(found, store, found.get("method", name), dataset, seed) for name in _split(methods) or ()]
    path = embedding_figure(panels, out, seed=seed)
    console().print(f"{what} written to {path}", markup=False)


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


def _table(
    results: Path,
    found: Registry,
    metrics: list[str] | None,
    methods: list[str] | None,
    datasets: list[str] | None,
    *,
    allow_mixed: bool,
) -> Table:
    from bench.metadata import REFERENCE_INFO
    from bench.records import open_records
    from bench.reporting.cells import build_table
    from bench.reporting.headers import PAPER_METRICS

    records = _chosen(open_records(results).current(), _split(methods), _split(datasets))
    method_infos: dict[str, Any] = {name: entry.info for name, entry in found.methods.items() if entry.info}
    dataset_infos: dict[str, Any] = {name: entry.info for name, entry in found.datasets.items() if entry.info}
    return build_table(
        records,
        methods={**method_infos, REFERENCE_INFO.name: REFERENCE_INFO},
        datasets=dataset_infos,
        metrics=_split(metrics) or PAPER_METRICS,
        defaults=_defaults(found.methods, {record.spec.method for record in records}),
        dataset_defaults=_defaults(found.datasets, {record.spec.dataset for record in records}),
        allow_mixed=allow_mixed,
    )


def _defaults(entries: dict[str, Entry], names: set[str]) -> dict[str, dict[str, Any]]:
    from bench.plan import resolve_params

    return {name: resolve_params(entries[name], {}) for name in names if name in entries and not entries[name].problem}


def _chosen(records: list[Record], methods: list[str] | None, datasets: list[str] | None) -> list[Record]:
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


def _panel(found: Registry, store: RecordStore, method: Entry, dataset: str, seed: int) -> Panel:
    from bench.data.prepared import prepare
    from bench.data.store import Store
    from bench.reporting.figures import Panel

    data_entry = found.get("dataset", dataset)
    wanted = (method.name, data_entry.name, seed)
    records = [r for r in store.current() if (r.spec.method, r.spec.dataset, r.spec.seed) == wanted]
    for record in sorted(records, key=lambda record: record.ended, reverse=True):
        embedding = store.embedding(record.key)
        data = prepare(data_entry, record.spec.dataset_params, Store.default())
        y = data.y()
        if embedding is not None and y is not None and data.content_hash == record.spec.data_hash:
            title = method.info.title if method.info else method.name
            names = data.facts["class_names"], data.facts["group_names"]
            return Panel(title, embedding, y, data.sensitive(), *names)
    raise ResultsError(
        f"no run of {method.name} on {data_entry.name} with seed {seed} has kept an embedding; "
        f"`bench run --methods {method.name} --datasets {data_entry.name} --seeds {seed} --only all` makes one"
    )


def _split(names: list[str] | None) -> list[str] | None:
    from bench.registry import normalise

    return [normalise(part) for text in names or () for part in text.split(",") if part.strip()] or None


def _write(text: str, out: Path | None) -> None:
    if out is None:
        console().out(text, end="", highlight=False)
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultsError(f"{out} cannot be written ({error.strerror}); name another file") from None
    console(stderr=True).print(f"written to {out}", markup=False)
