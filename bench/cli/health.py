"""``bench doctor`` and ``bench status``: whether all is well, here and with the runs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bench.cli.app import (
    DEFAULT_RESULTS,
    Format,
    Plugins,
    ResultsFolder,
    app,
    console,
    print_field,
    print_json,
    registry,
)
from bench.cli.listing import dataset_row

if TYPE_CHECKING:
    from bench.claims import Held
    from bench.registry import Entry

__all__ = ["doctor", "status"]


@app.command()
def status(output: Format = "text", results: ResultsFolder = DEFAULT_RESULTS) -> None:
    """Count the records of a results folder by status, name the runs that go on now and those that failed."""
    from bench.claims import Claims
    from bench.conflicts import Conflicts
    from bench.records import RecordStore, latest

    claims = Claims(results)
    # Before the records: what ends meanwhile is seen twice rather than not at all.
    running, to_do = claims.held(), claims.to_do()
    records = latest(RecordStore(results).outlines())
    conflicts = len(Conflicts(results).open())
    counts = Counter(record.status for record in records)
    troubled = [
        {"run": f"{r.spec.method} on {r.spec.dataset}, seed {r.spec.seed}", "status": r.status, "reason": r.reason}
        for r in records
        if r.status not in ("ok", "not-applicable")
    ]
    if output == "json":
        going_on = {"running": [held.model_dump(mode="json") for held in running], "to_do": to_do}
        print_json({"results": results, "counts": counts, "conflicts": conflicts, **going_on, "troubled": troubled})
        return
    out = console()
    out.print(f"{len(records)} runs in {results}", markup=False)
    for name, number in sorted(counts.items()):
        out.print(f"  {name}: {number}")
    if conflicts:
        out.print(f"  {conflicts} more in conflict with one of these, kept in {results / 'conflicts'}", markup=False)
    if running or to_do is not None:
        left = "" if to_do is None else f", {to_do} still to do"
        out.print(f"{len(running)} running now{left}")
    for held in running:
        out.print(f"  {_held_line(held)}", markup=False)
    for row in troubled:
        out.print(f"  {row['status']}: {row['run']}: {row['reason']}", markup=False)


def _held_line(held: Held) -> str:
    epoch = "" if held.epoch is None else f" epoch {held.epoch}/{held.n_epochs},"
    return f"running: {held.name}:{epoch} since {held.since:%Y-%m-%d %H:%M:%S} UTC, process {held.pid} on {held.host}"


@app.command()
def doctor(
    output: Format = "text",
    results: ResultsFolder = DEFAULT_RESULTS,
    tracking_uri: Annotated[str | None, typer.Option(help="MLflow store to look for.")] = None,
    plugins: Plugins = None,
) -> None:
    """Look at versions, devices, adapters, data, the results folder and MLflow; say what is wrong."""
    report = _examine(results, tracking_uri, plugins)
    if output == "json":
        print_json(report)
        return
    for key, value in report.items():
        print_field(key, value)


def _examine(results: Path, tracking_uri: str | None, plugins: list[Path] | None) -> dict[str, Any]:
    from bench.data.store import Store, cache_folder
    from bench.environment import code_version, cpu_model, package_versions
    from bench.execution.slots import cuda_devices
    from bench.tracking import masked_uri, reachable, resolve_uri

    found = registry(plugins)
    entries = [*found.methods.values(), *found.datasets.values()]
    commit, dirty = code_version()
    uri = resolve_uri(tracking_uri, results)
    return {
        "versions": package_versions(),
        "commit": f"{commit}{' (with uncommitted changes)' if dirty else ''}" or "not a checkout",
        "cpu": cpu_model(),
        "cuda devices": cuda_devices() or "none",
        "results folder": _results_problem(results) or f"{results} can be written",
        "mlflow": "none" if uri is None else (reachable(uri) or f"{masked_uri(uri)} answers"),
        "data folders": [str(folder) for folder in Store.default().folders],
        "cache": str(cache_folder()),
        "data": {entry.name: dataset_row(entry, verify=True)["status"] for entry in found.datasets.values()},
        "adapters that cannot be used": {entry.name: why for entry in entries if (why := _load_problem(entry))}
        or "none",
    }


def _results_problem(results: Path) -> str:
    from bench.errors import ResultsError
    from bench.records import RecordStore

    try:
        RecordStore(results).prepare()
    except ResultsError as error:
        return str(error)
    return ""


def _load_problem(entry: Entry) -> str:
    from bench.errors import BenchError

    if entry.problem:
        return entry.problem
    try:
        entry.load()
    except BenchError as error:
        return str(error)
    return ""
