"""``bench run``: the main job."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, complain, console, registry
from bench.errors import InvalidInputError

if TYPE_CHECKING:
    from bench.records import RecordStore
    from bench.runner import Summary
    from bench.suite import Settings, Suite

__all__ = ["conclude", "own_table", "run", "seconds", "with_settings"]

# The data set that --data and its columns are parameters of.
_TABLE = "file"


@app.command()
def run(
    methods: Annotated[list[str] | None, typer.Option(help="Methods: names with commas, or 'all'.")] = None,
    datasets: Annotated[list[str] | None, typer.Option(help="Data sets: names with commas, or 'all'.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="A table of your own: .csv, .parquet or .npz.", metavar="FILE")
    ] = None,
    sensitive: Annotated[str | None, typer.Option(help="Its column of the sensitive attribute.")] = None,
    label: Annotated[str | None, typer.Option(help="Its column of the classes, if it has one.")] = None,
    features: Annotated[str | None, typer.Option(help="Its columns to cluster by, with commas; all others.")] = None,
    k: Annotated[
        int | None, typer.Option("--k", help="Its number of clusters; by default that of its classes.")
    ] = None,
    suite: Annotated[
        str | None,
        typer.Option(help="A suite's name, or a TOML file; --methods and --datasets narrow it.", metavar="NAME|FILE"),
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, like 0-4 or 0,3,9116.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: fcmi.epochs=50; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0,1.")] = "auto",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time; by default one a core, or one a GPU.")] = None,
    slots_per_device: Annotated[
        str | None,
        typer.Option(help="Runs at a time on each device, or 'auto': as many as fit its memory.", metavar="N|auto"),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="A Dask cluster: dask://HOST:PORT, or its scheduler's file.", metavar="ADDRESS|FILE"),
    ] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest time of a run: seconds, or like 30m, 2h.")] = None,
    memory: Annotated[
        str | None,
        typer.Option(help="Most resident memory of a run and all it starts, like 500M or 4G; above it is 'oom'."),
    ] = None,
    retries: Annotated[
        int,
        typer.Option(
            min=0,
            help="Further tries for a run whose process crashed: killed by a signal, or gone without a word. "
            "An exception, a time-out or 'oom' is not tried again, except 'oom' beside other runs: once, alone.",
        ),
    ] = 0,
    max_failures: Annotated[
        int | None,
        typer.Option(min=1, help="Start nothing new after so many runs ended as error, timeout or oom; exit code 1."),
    ] = None,
    only: Annotated[
        Literal["missing", "failed", "timeout", "oom", "all"],
        typer.Option(help="Which of the requested runs to start; 'missing' are those that have not ended yet."),
    ] = "missing",
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store; 'none' for no tracking.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but mistakes.")] = False,
    results: ResultsFolder = DEFAULT_RESULTS,
    plugins: Plugins = None,
) -> None:
    """Run methods x data sets x seeds; what is done already is not run again."""
    from bench.cli.view import view_for
    from bench.data.store import Store
    from bench.execution.job import Policy
    from bench.invocation import Invocation
    from bench.plan import make_plan
    from bench.records import RecordStore

    table = own_table(data, sensitive=sensitive, label=label, features=features, k=k)
    chosen = _chosen_suite(suite, methods, [*(datasets or ()), *table], seeds)
    invocation = Invocation(
        only=only,
        device=device,
        jobs=jobs,
        slots_per_device=_per_device(slots_per_device),
        engine=engine,
        timeout=seconds(timeout),
        memory_mb=_mebibytes(memory),
        policy=Policy(retries, max_failures),
        tracking_uri=tracking_uri,
    )
    overrides = with_settings(table, settings)
    records = RecordStore(results)
    records.prepare()
    plan = make_plan(chosen, registry(plugins), Store.default(), overrides)
    view = None if quiet else view_for(console())
    summary = invocation.carry_out(plan, records, name=chosen.name or "bench run", tell=complain, view=view)
    conclude(summary, records, quiet)


def with_settings(table: Settings, settings: list[str] | None) -> Settings:
    """Parameters by adapter: those of the user's own table, and what --set says."""
    from bench.suite import parse_setting

    overrides: Settings = {name: dict(given) for name, given in table.items()}
    for text in settings or []:
        name, parameter, value = parse_setting(text)
        overrides.setdefault(name, {})[parameter] = value
    return overrides


def own_table(data: Path | None, **columns: str | int | None) -> Settings:
    """The user's own table as a data set with its parameters; empty where there is none."""
    given = {name: value for name, value in columns.items() if value is not None}
    if data is None:
        if given:
            raise InvalidInputError(f"--{next(iter(given))} describes a table of yours; name that with --data FILE")
        return {}
    return {_TABLE: {"path": str(data), **given}}


def _chosen_suite(suite: str | None, methods: list[str] | None, datasets: list[str] | None, seeds: str | None) -> Suite:
    """The suite named, narrowed or replaced by what else is named."""
    from bench.suite import Grid, Suite, load_suite, parse_seeds

    numbers = None if seeds is None else parse_seeds(seeds)
    if suite is None:
        if not methods or not datasets:
            missing = "--datasets is missing, or --data FILE" if methods else "--methods is missing"
            raise InvalidInputError(
                f"nothing selected: {missing}; name methods and data sets, or a suite (`bench list suites`)"
            )
        return Suite(grid=[Grid(methods=methods, datasets=datasets, seeds=numbers or [0])])
    narrowed = load_suite(suite).narrowed(methods or (), datasets or ())
    if numbers is None:
        return narrowed
    return narrowed.model_copy(update={"grid": [grid.model_copy(update={"seeds": numbers}) for grid in narrowed.grid]})


def conclude(summary: Summary, records: RecordStore, quiet: bool) -> None:
    """Say what came of an invocation; one that was not carried out to its end ends with an exit code of its own."""
    if not quiet and summary.counts:
        counts = ", ".join(f"{number} {status}" for status, number in sorted(summary.counts.items()))
        console().print(f"{counts}; records in {records.records}", markup=False)
    if not quiet and summary.elsewhere:
        console().print(f"{summary.elsewhere} done meanwhile by another `bench run` on this folder", markup=False)
    if summary.interrupted:
        console(stderr=True).print("bench: interrupted; finished runs are kept, the same command goes on from here")
        raise typer.Exit(130)
    if summary.not_run:
        console(stderr=True).print(
            f"bench: {summary.not_run} runs not started, since as many failed as --max-failures allows; "
            "the same command goes on with them",
            markup=False,
        )
        raise typer.Exit(1)


def seconds(text: str | None) -> float | None:
    """A time as --timeout takes it, in seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) <= 0:
        raise InvalidInputError(f"--timeout {text} given; it takes seconds, or a time like 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def _mebibytes(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([MG])(?:i?B)?", text.strip(), flags=re.IGNORECASE)
    if not match or float(match[1]) <= 0:
        raise InvalidInputError(f"--memory {text} given; it takes a size like 500M or 4G")
    return float(match[1]) * {"M": 1, "G": 1024}[match[2].upper()]


def _per_device(text: str | None) -> int | Literal["auto"] | None:
    if text is None:
        return None
    if text == "auto":
        return "auto"
    if not text.isascii() or not text.isdigit():
        raise InvalidInputError(f"--slots-per-device {text} given; it takes a whole number of at least 1, or auto")
    return int(text)
