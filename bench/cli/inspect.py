"""``bench list``, ``info``, ``test``, ``doctor``, ``status``: what there is, and whether it is well."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bench.cli.app import DEFAULT_RESULTS, Plugins, ResultsFolder, app, console, print_json, registry
from bench.errors import InvalidInputError

if TYPE_CHECKING:
    from bench.metadata import DatasetInfo
    from bench.registry import Entry

__all__ = ["check_adapter", "doctor", "info", "list_", "status"]

What = Literal["methods", "datasets", "suites", "all"]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="For people, or for programs.")]


@app.command("list")
def list_(
    what: Annotated[What, typer.Argument(help="What to list.")] = "all",
    output: Format = "text",
    plugins: Plugins = None,
) -> None:
    """List methods, data sets and suites; those that cannot be used, with the reason."""
    found = registry(plugins)
    listing: dict[str, list[dict[str, Any]]] = {}
    if what in ("methods", "all"):
        listing["methods"] = [_reference_row(), *(_method_row(entry) for entry in found.methods.values())]
    if what in ("datasets", "all"):
        listing["datasets"] = [_dataset_row(entry) for entry in found.datasets.values()]
    if what in ("suites", "all"):
        listing["suites"] = _suite_rows()
    if output == "json":
        print_json(listing if what == "all" else listing[what])
        return
    for heading, rows in listing.items():
        _print_table(heading, rows)


@app.command()
def info(
    name: Annotated[str, typer.Argument(help="A method or a data set.")],
    output: Format = "text",
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter of the data set: blobs.n=100; may be repeated.")
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw classes, groups and samples of a data set: .png or .pdf.", metavar="FILE"),
    ] = None,
    plugins: Plugins = None,
) -> None:
    """Describe a method or a data set: what it is, its parameters, its sizes and ceilings."""
    entry = _entry(name, plugins)
    if entry.kind == "dataset":
        _describe_dataset(entry, _settings_of(entry, settings or []), output, plot)
        return
    if settings or plot:
        raise InvalidInputError(f"'{entry.name}' is a method; --set and --plot are for data sets")
    card = _method_card(entry)
    if output == "json":
        print_json(card)
        return
    for key, value in card.items():
        _print_field(key, value)


@app.command()
def status(output: Format = "text", results: ResultsFolder = DEFAULT_RESULTS) -> None:
    """Count the records of a results folder by status, and name the runs that failed."""
    from bench.records import RecordStore

    records = RecordStore(results).current()
    counts = Counter(record.status for record in records)
    troubled = [
        {"run": f"{r.spec.method} on {r.spec.dataset}, seed {r.spec.seed}", "status": r.status, "reason": r.reason}
        for r in records
        if r.status not in ("ok", "not-applicable")
    ]
    if output == "json":
        print_json({"results": results, "counts": counts, "troubled": troubled})
        return
    out = console()
    out.print(f"{len(records)} runs in {results}", markup=False)
    for name, number in sorted(counts.items()):
        out.print(f"  {name}: {number}")
    for row in troubled:
        out.print(f"  {row['status']}: {row['run']}: {row['reason']}", markup=False)


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
        _print_field(key, value)


@app.command("test")
def check_adapter(
    name: Annotated[str, typer.Argument(help="A method or a data set.")],
    plugins: Plugins = None,
) -> None:
    """Check that an adapter does what the harness relies on."""
    from bench.conformance import check

    findings = list(check(_entry(name, plugins)))
    out = console()
    for finding in findings:
        out.print(f"{'failed' if finding.problem else 'passed'}  {finding.check}", markup=False)
        if finding.problem:
            out.print(f"        {finding.problem}", markup=False)
    failed = sum(bool(finding.problem) for finding in findings)
    out.print(f"{len(findings) - failed} of {len(findings)} checks passed")
    if failed:
        raise typer.Exit(1)


def _entry(name: str, plugins: list[Path] | None) -> Entry:
    from bench.errors import UnknownNameError
    from bench.registry import normalise

    found = registry(plugins)
    entry = found.methods.get(normalise(name)) or found.datasets.get(normalise(name))
    if entry is None:
        known = [*found.methods, *found.datasets]
        raise UnknownNameError("method or data set", name, known, "`bench list` describes them.")
    return entry


def _examine(results: Path, tracking_uri: str | None, plugins: list[Path] | None) -> dict[str, Any]:
    from bench.environment import code_version, cpu_model, package_versions
    from bench.execution.slots import cuda_devices
    from bench.store import Store, cache_folder
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
        "data": {entry.name: _dataset_row(entry, verify=True)["status"] for entry in found.datasets.values()},
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


def _reference_row() -> dict[str, Any]:
    from bench.metadata import REFERENCE_INFO

    return {
        "name": REFERENCE_INFO.name,
        "title": REFERENCE_INFO.title,
        "family": REFERENCE_INFO.family,
        "groups": "any",
        "status": "ready",
        "origin": "the harness",
    }


def _method_row(entry: Entry) -> dict[str, Any]:
    from bench.metadata import MethodInfo

    described = entry.info
    groups = "?"
    if isinstance(described, MethodInfo):
        highest = described.max_groups
        groups = str(highest) if highest == described.min_groups else f"{described.min_groups}-{highest or 'any'}"
        groups = "any" if groups == "1-any" else groups
    return {
        "name": entry.name,
        "title": getattr(described, "title", ""),
        "family": getattr(described, "family", ""),
        "groups": groups,
        "status": entry.problem or "ready",
        "origin": entry.origin,
    }


def _dataset_row(entry: Entry, *, verify: bool = False) -> dict[str, Any]:
    from bench.metadata import DatasetInfo

    described = entry.info
    status, sizes = entry.problem, {}
    if isinstance(described, DatasetInfo):
        status = status or _data_status(described, verify)
        sizes = {name: "any" if (size := getattr(described, name)) is None else size for name in ("n", "k", "n_groups")}
    return {
        "name": entry.name,
        "title": getattr(described, "title", ""),
        **sizes,
        "sensitive": getattr(described, "sensitive", ""),
        "status": status,
        "origin": entry.origin,
    }


def _data_status(described: DatasetInfo, verify: bool) -> str:
    """Whether the files are there and, if asked, whether they are sound; nothing is downloaded."""
    from bench.store import Store

    states = Store.default(download=False).state(described.files, verify=verify)
    for state in states:
        if state.state == "corrupt":
            return f"corrupt: {state.problem}"
    missing = [state.file.path for state in states if state.state == "missing"]
    if not missing:
        return "ready"
    others = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"missing: {missing[0]}{others}; `bench fetch {described.name}`"


def _suite_rows() -> list[dict[str, Any]]:
    from bench.suite import load_suite, suite_names

    return [{"name": name, "title": load_suite(name).title} for name in suite_names()]


def _method_card(entry: Entry) -> dict[str, Any]:
    method = entry.load()
    parameters = method().get_params(deep=False)
    described = asdict(entry.info) if entry.info else {}
    return {
        **described,
        "origin": entry.origin,
        "parameters": parameters,
        "description": (method.__doc__ or "").strip(),
    }


def _settings_of(entry: Entry, settings: list[str]) -> dict[str, Any]:
    from bench.registry import normalise
    from bench.suite import parse_setting

    given = {}
    for text in settings:
        name, parameter, value = parse_setting(text)
        if normalise(name) != entry.name:
            raise InvalidInputError(f"setting '{text}' given; here it begins with {entry.name}.")
        given[parameter] = value
    return given


def _describe_dataset(entry: Entry, given: dict[str, Any], output: str, plot: Path | None) -> None:
    from bench.card import dataset_card
    from bench.store import Store

    store = Store.default(download=False)
    card = dataset_card(entry, store, given)
    if output == "json":
        print_json(card)
    else:
        _print_card(card)
    if plot is not None:
        from bench.card import prepared_data
        from bench.reporting.cards import card_figure

        path = card_figure(
            prepared_data(entry, store, given), plot, title=f"{card['title']}: {card['target']} by {card['sensitive']}"
        )
        console(stderr=True).print(f"figure written to {path}", markup=False)


def _print_card(card: dict[str, Any]) -> None:
    from bench.reporting.card_text import WIDTH, card_text

    out = console()
    out.print(card_text(card), width=min(out.width, WIDTH), soft_wrap=False)


def _print_table(heading: str, rows: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table(title=heading, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for column in rows[0] if rows else ():
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    console().print(table, markup=False)


def _print_field(key: str, value: Any) -> None:
    out = console()
    if isinstance(value, dict):
        out.print(f"{key}:", markup=False)
        for name, item in value.items():
            shown = f"{item:.4f}" if isinstance(item, float) else item
            out.print(f"  {name}: {shown}", markup=False)
    elif value not in ("", (), None):
        out.print(f"{key}: {value}", markup=False)
