"""Where the figures of ``bench plot`` have their runs, data and embeddings from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.cli.app import registry
from bench.cli.results import chosen_records, default_params, split_names
from bench.errors import InvalidInputError, ResultsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.data.prepared import Prepared
    from bench.record import Record
    from bench.records import RecordStore
    from bench.registry import Entry, Registry
    from bench.reporting.figures import Panel
    from bench.reporting.plots.runs import Catalogue

__all__ = ["catalogue_of", "embedding_panels", "recorded_runs", "run_of_seed", "runs_of_method", "whole_numbers"]


def catalogue_of(found: Registry, records: Sequence[Record]) -> Catalogue:
    """Titles of all adapters, and defaults of those that `records` are of."""
    from bench.metadata import REFERENCE_INFO
    from bench.reporting.plots.runs import Catalogue

    names = {record.spec.method for record in records}
    entries = found.recorded_methods(names)
    methods: dict[str, Any] = {name: entry.info for name, entry in entries.items() if entry.info}
    datasets: dict[str, Any] = {name: entry.info for name, entry in found.datasets.items() if entry.info}
    return Catalogue(
        {**methods, REFERENCE_INFO.name: REFERENCE_INFO},
        datasets,
        default_params(entries, names),
        default_params(found.datasets, {record.spec.dataset for record in records}),
    )


def recorded_runs(
    results: Path, plugins: list[Path] | None, methods: list[str] | None, datasets: list[str] | None
) -> tuple[list[Record], Catalogue]:
    """Outlines of the records of the methods and data sets that were named, of all by default."""
    from bench.records import latest, open_records

    current = latest(open_records(results).outlines())
    records = chosen_records(current, split_names(methods), split_names(datasets))
    return records, catalogue_of(registry(plugins), records)


def runs_of_method(
    results: Path, plugins: list[Path] | None, method: str, dataset: str
) -> tuple[list[Record], Catalogue]:
    """Runs of one method on one data set that ended well."""
    from bench.records import open_records
    from bench.reporting.plots.runs import runs_of

    found, records = registry(plugins), open_records(results).current()
    runs = runs_of(records, *_names(found, records, method, dataset))
    return runs, catalogue_of(found, runs)


def _names(found: Registry, records: Sequence[Record], method: str, dataset: str) -> tuple[str, str]:
    """Both names as records spell them; what no adapter and no record is called is refused."""
    from bench.registry import normalise

    given = normalise(method), normalise(dataset)
    if given[0] not in {record.spec.method for record in records}:
        found.get("method", method)
    if given[1] not in {record.spec.dataset for record in records}:
        found.get("dataset", dataset)
    return given


def run_of_seed(found: Registry, results: Path, method: str, dataset: str, seed: int) -> tuple[Record, Prepared]:
    """The last run that ended well, and its data."""
    from bench.records import open_records
    from bench.reporting.plots.runs import runs_of

    records = open_records(results).current()
    names = _names(found, records, method, dataset)
    runs = [record for record in runs_of(records, *names) if record.spec.seed == seed]
    data = [(record, _prepared(found, record)) for record in sorted(runs, key=lambda run: run.ended, reverse=True)]
    for record, prepared in data:
        if prepared.content_hash == record.spec.data_hash:
            return record, prepared
    why = "ended well" if not runs else "is on the data that are on this machine"
    raise ResultsError(
        f"no run of {names[0]} on {names[1]} with seed {seed} {why}; "
        f"`bench run --methods {names[0]} --datasets {names[1]} --seeds {seed}` makes one"
    )


def _prepared(found: Registry, record: Record) -> Prepared:
    from bench.data.prepared import prepare
    from bench.data.store import Store

    return prepare(found.get("dataset", record.spec.dataset), record.spec.dataset_params, Store.default())


def embedding_panels(
    found: Registry, store: RecordStore, method: str, dataset: Entry, seed: int, epochs: Sequence[int]
) -> tuple[list[Panel], str]:
    """A panel for the last run of `method`, or for that with each number of `epochs`; and how these runs were made."""
    from bench.records import latest
    from bench.reporting.plots.runs import settings_of

    wanted = (method, dataset.name, seed)
    runs = [r for r in latest(store.outlines()) if (r.spec.method, r.spec.dataset, r.spec.seed) == wanted]
    runs = sorted(runs, key=lambda run: run.ended, reverse=True)
    catalogue = catalogue_of(found, runs)
    command = f"bench run --methods {method} --datasets {dataset.name} --seeds {seed} --only all"
    choices: dict[str, tuple[Sequence[Record], str]] = {"": (runs, command)}
    if epochs:
        alike = [run for run in runs if run.spec.method_params.get("epochs") in epochs]
        held = settings_of(alike, ("epochs",), catalogue.usual(alike)).held if alike else {}
        choices = {
            f", epochs={number}": (
                held.get((number,), ()),
                catalogue.command((alike or runs)[0], str(seed), epochs=number)
                if runs
                else f"{command} --set {method}.epochs={number}",
            )
            for number in epochs
        }
    title = catalogue.method(method)
    drawn = [_embedded(found, store, f"{title}{what}", *choice) for what, choice in choices.items()]
    return [panel for _, panel in drawn], f"{title}: {catalogue.budget([record for record, _ in drawn])}"


def _embedded(
    found: Registry, store: RecordStore, title: str, runs: Sequence[Record], command: str
) -> tuple[Record, Panel]:
    """The first of `runs` whose embedding was kept and whose data are here."""
    from bench.reporting.figures import Panel

    for record in runs:
        vectors = store.embedding(record.key)
        data = _prepared(found, record)
        y = data.y()
        if vectors is not None and y is not None and data.content_hash == record.spec.data_hash:
            names = data.facts["class_names"], data.facts["group_names"]
            return record, Panel(title, vectors, y, data.sensitive(), *names)
    raise ResultsError(f"no run of {title} with that data set and seed has kept an embedding; `{command}` makes one")


def whole_numbers(text: str | None) -> list[int]:
    """Numbers of at least 1 that were given with commas; none for None."""
    try:
        numbers = [int(part) for part in (text or "").split(",") if part.strip()]
    except ValueError:
        numbers = [0]
    if any(number < 1 for number in numbers):
        raise InvalidInputError(f"--epochs {text} given; it takes whole numbers of at least 1 with commas, as 1,20,300")
    return numbers
