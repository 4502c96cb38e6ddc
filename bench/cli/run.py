"""``bench run``: the main job."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, console, registry
from bench.errors import InvalidInputError

if TYPE_CHECKING:
    from bench.records import RecordStore
    from bench.runner import Listener, Summary
    from bench.suite import Settings, Suite
    from bench.tracking import Tracker

__all__ = ["run"]

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
    suite: Annotated[str | None, typer.Option(help="A suite's name, or a TOML file.", metavar="NAME|FILE")] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds, like 0-4 or 0,3,9116.")] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter: fcmi.epochs=50; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:0,1.")] = "auto",
    jobs: Annotated[int | None, typer.Option(help="Runs at a time; by default one a core, or one a GPU.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest time of a run: seconds, or like 30m, 2h.")] = None,
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
    from bench.execution.slots import local_slots
    from bench.plan import make_plan
    from bench.records import RecordStore
    from bench.runner import OnRecord, carry_out, select_runs
    from bench.suite import parse_setting
    from bench.tracking import Tracker, resolve_uri

    table = _table(data, sensitive=sensitive, label=label, features=features, k=k)
    chosen = _chosen_suite(suite, methods, [*(datasets or ()), *table], seeds)
    limit = _seconds(timeout)
    overrides: Settings = dict(table)
    for text in settings or []:
        name, parameter, value = parse_setting(text)
        overrides.setdefault(name, {})[parameter] = value
    slots = local_slots(device, jobs)
    records = RecordStore(results)
    records.prepare()
    plan = make_plan(chosen, registry(plugins), Store.default(), overrides)
    uri = resolve_uri(tracking_uri, results)
    for line in plan.left_out:
        console(stderr=True).print(f"bench: left out {line}", markup=False)
    selection = select_runs(plan, records, only)
    with ExitStack() as stack:
        # An invocation that finds everything done leaves no empty run in MLflow.
        tracker = stack.enter_context(
            Tracker(uri if selection.todo else None, results, name=chosen.name or "bench run")
        )
        told = _tell(tracker)
        listeners: list[Listener] = [OnRecord(tracker.log)]
        if not quiet:
            listeners.append(stack.enter_context(view_for(console())))
        summary = carry_out(selection, records, slots, listeners=listeners, timeout=limit)
        tracker.close("KILLED" if summary.interrupted else "FINISHED")
    if not told:
        _tell(tracker)
    _conclude(summary, records, quiet)


def _table(data: Path | None, **columns: str | int | None) -> Settings:
    """The user's own table as a data set with its parameters."""
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
    loaded = load_suite(suite)
    changes = {"methods": methods, "datasets": datasets, "seeds": numbers}
    update = {name: value for name, value in changes.items() if value}
    return loaded.model_copy(update={"grid": [grid.model_copy(update=update) for grid in loaded.grid]})


def _conclude(summary: Summary, records: RecordStore, quiet: bool) -> None:
    if not quiet and summary.counts:
        counts = ", ".join(f"{number} {status}" for status, number in sorted(summary.counts.items()))
        console().print(f"{counts}; records in {records.records}", markup=False)
    if summary.interrupted:
        console(stderr=True).print("bench: interrupted; finished runs are kept, the same command goes on from here")
        raise typer.Exit(130)


def _tell(tracker: Tracker) -> bool:
    """Say once what is wrong with MLflow, if anything is."""
    if tracker.problem:
        console(stderr=True).print(f"bench: {tracker.problem}", markup=False)
    return tracker.problem is not None


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    if not match or float(match[1]) <= 0:
        raise InvalidInputError(f"--timeout {text} given; it takes seconds, or a time like 30m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]
