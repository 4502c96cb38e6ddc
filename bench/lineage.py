"""Where the figures of one cell come from: its runs, what they were given, and what is known of the published one."""

from __future__ import annotations

import json
import math
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import BenchError, ResultsError, UnknownNameError
from bench.lineage_model import Figure, Lineage, Parameters, Run, Variant
from bench.metadata import REFERENCE_INFO, DatasetInfo, MethodInfo
from bench.plan import resolve_params
from bench.record import Record, canonical_json
from bench.records import Records, RecordStore, latest, open_records
from bench.registry import AdapterKind, Entry, Registry, kind_title, normalise
from bench.reporting.axes import make_axes
from bench.reporting.cells import build_table
from bench.reporting.footnotes import Footnotes
from bench.reporting.gaps import explanation, is_gap
from bench.reporting.headers import PAPER_METRICS, MetricHeader
from bench.reporting.model import Column, Row, Table
from bench.reporting.protocol import protocol_notes
from bench.reporting.provenance import Defaults

__all__ = ["Trace", "explain", "trace"]

# What a run shows of its record as it is.
_COPIED = ("device", "precision", "cpu", "gpu", "threads", "commit", "dirty", "started", "ended")


def explain(
    results: Path, method: str, dataset: str, registry: Registry, metrics: Sequence[str] = PAPER_METRICS
) -> Lineage:
    """Trace the figures of a method on a data set to their runs.

    Parameters
    ----------
    results : Path
        Results folder, or a file of packed records.
    method, dataset : str
        Names; hyphens and capitals do not matter.
    registry : Registry
        What says what adapters are there. One that is gone can still be explained, with less to say.
    metrics : sequence of str
        Metric keys.

    Raises
    ------
    UnknownNameError
        For a method or data set that is neither registered nor recorded, and for such a metric.
    ResultsError
        If there are no records of the two; says what was run and how to run them.
    """
    store = open_records(results)
    records = list(store)
    method = _known("method", method, [*registry.methods, REFERENCE_INFO.name], records)
    dataset = _known("dataset", dataset, registry.datasets, records)
    if not any((record.spec.method, record.spec.dataset) == (method, dataset) for record in records):
        raise ResultsError(_nothing(results, method, dataset, latest(records)))
    found = trace(store, records, registry, metrics, only=(method, dataset))
    variants = tuple(found.variants.values())
    cited = any(figure.published is not None for variant in variants for figure in variant.figures)
    return Lineage(method, dataset, str(results), found.table.source if cited else "", variants)


@dataclass(frozen=True)
class Trace:
    """A table of methods over data sets, and what lies behind it.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` makes of the latest records.
    variants : mapping of (Row, Column) to Variant
        All that is known of every place that has runs, in the order of the table.
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name.
    defaults, dataset_defaults : mapping of str to mapping
        Default parameters by registry name, of the adapters that can be asked.
    """

    table: Table
    variants: Mapping[tuple[Row, Column], Variant]
    methods: Mapping[str, MethodInfo]
    datasets: Mapping[str, DatasetInfo]
    defaults: Defaults
    dataset_defaults: Defaults


def trace(
    store: Records,
    records: Sequence[Record],
    registry: Registry,
    metrics: Sequence[str] = PAPER_METRICS,
    *,
    only: tuple[str, str] | None = None,
) -> Trace:
    """Trace the figures of all methods on all data sets to their runs.

    Parameters
    ----------
    store : Records
        Where the records are kept.
    records : sequence of Record
        All of them, old ones too.
    registry : Registry
        What says what adapters are there.
    metrics : sequence of str
        Metric keys.
    only : (str, str), optional
        Registry names of the one method and data set to trace; the table is of all records nevertheless, since what
        tells the rows of a method apart may differ on other data.

    Raises
    ------
    ResultsError
        Without records.
    UnknownNameError
        For a metric that is neither known nor recorded.
    """
    current = latest(records)
    pairs: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        pair = (record.spec.method, record.spec.dataset)
        if only in (None, pair):
            pairs[pair].append(record)
    entries = registry.recorded_methods({record.spec.method for record in current})
    methods, datasets = _infos(entries, registry.datasets)
    defaults = _known_defaults(entries, {method for method, _ in pairs})
    dataset_defaults = _known_defaults(registry.datasets, {dataset for _, dataset in pairs})
    axes = make_axes(current, methods, datasets, Footnotes())
    table = build_table(
        current,
        methods=methods,
        datasets=datasets,
        metrics=metrics,
        custom=registry.metrics,
        defaults=defaults,
        dataset_defaults=dataset_defaults,
    )
    variants = {
        (row, column): _Place(table, row, column, axes.records[row, column], store).variant(
            pairs[row.name, column.name], defaults.get(row.name), dataset_defaults.get(column.name), methods, datasets
        )
        for row in axes.rows
        for column in axes.columns
        if (row, column) in axes.records and (row.name, column.name) in pairs
    }
    return Trace(table, variants, methods, datasets, defaults, dataset_defaults)


@dataclass(frozen=True)
class _Place:
    """A row and column of the table, with its records by seed."""

    table: Table
    row: Row
    column: Column
    held: tuple[Record, ...]
    store: Records

    def variant(
        self,
        pair: Iterable[Record],
        method_defaults: Mapping[str, Any] | None,
        dataset_defaults: Mapping[str, Any] | None,
        methods: Mapping[str, MethodInfo],
        datasets: Mapping[str, DatasetInfo],
    ) -> Variant:
        """All that is known of the place; `pair` are all records of the method and data set, old ones too."""
        spec = self.held[0].spec
        info, data_info = methods.get(spec.method), datasets.get(spec.dataset)
        keys, cells = {record.key for record in self.held}, {record.spec.cell for record in self.held}
        earlier = [record for record in pair if record.spec.cell in cells and record.key not in keys]
        backbones = {str(value) for name, value in spec.method_params.items() if name == "backbone"}
        entry = self.table.entries[self.row, self.column]
        said = [text for text in self._texts(entry.footnotes) if text != _flat(entry.reason)]
        return Variant(
            method=self.row.label,
            dataset=self.column.label,
            n=entry.n,
            requested=entry.requested,
            figures=tuple(self._figure(header) for header in self.table.metrics),
            runs=tuple(self._run(record) for record in self.held),
            earlier=tuple(self._run(record) for record in sorted(earlier, key=lambda r: (r.spec.seed, r.ended))),
            method_params=_parameters(spec.method_params, method_defaults),
            dataset_params=_parameters(spec.dataset_params, dataset_defaults),
            flags=tuple(protocol_notes(info, backbones)) if info else (),
            method_notes=info.notes if info else (),
            dataset_notes=(*(data_info.notes if data_info else ()), *sorted({r.data_note for r in self.held} - {""})),
            remarks=(*said, *_unlike(self.held)),
        )

    def _figure(self, header: MetricHeader) -> Figure:
        cell = self.table.cells[self.row, self.column, header.key]
        gap = is_gap(cell.mean, cell.published)
        spec = self.held[0].spec
        why = _flat(explanation(spec.method, spec.dataset, header.key, spec.method_params)) if gap else ""
        return Figure(
            metric=header.key,
            title=header.title,
            unit=header.unit,
            mean=cell.mean,
            std=cell.std,
            n=cell.n,
            status=cell.status,
            reason=cell.reason,
            published=cell.published,
            doubts=tuple(text for text in self._texts(cell.published_footnotes) if text != why),
            gap=gap,
            explanation=why,
            verdict=cell.verdict,
            verdict_reason=cell.verdict_reason,
        )

    def _run(self, record: Record) -> Run:
        log = self.store.log_path(record.key) if isinstance(self.store, RecordStore) else None
        return Run(
            key=record.key,
            seed=record.spec.seed,
            status=record.status,
            reason=record.reason,
            metrics={header.key: _scaled(record.metrics.get(header.key), header) for header in self.table.metrics},
            seconds=record.fit_seconds,
            **{name: getattr(record, name) for name in _COPIED},
            log=str(log) if log is not None and log.exists() else "",
        )

    def _texts(self, numbers: Iterable[int]) -> list[str]:
        return [self.table.footnotes[number - 1] for number in numbers]


def _known(kind: AdapterKind, name: str, registered: Iterable[str], records: Iterable[Record]) -> str:
    """The name as the records spell it."""
    names = {*registered, *(getattr(record.spec, kind) for record in records)}
    if normalise(name) not in names:
        raise UnknownNameError(kind_title(kind), name, names, f"`bench list {kind}s` describes them.")
    return normalise(name)


def _nothing(results: Path, method: str, dataset: str, current: Iterable[Record]) -> str:
    specs = [record.spec for record in current]
    where = sorted({spec.dataset for spec in specs if spec.method == method})
    others = sorted({spec.method for spec in specs if spec.dataset == dataset})
    ran = [f"{method} was run on {', '.join(where)}"] if where else []
    ran += [f"on {dataset} were run {', '.join(others)}"] if others else []
    folder = "" if results.suffix == ".jsonl" else f" --results {shlex.quote(str(results))}"
    return (
        f"there are no records of {method} on {dataset} in {results}; {'; '.join(ran) or 'neither was run'}; "
        f"`bench run --methods {shlex.quote(method)} --datasets {dataset}{folder}` makes some"
    )


def _infos(
    method_entries: Mapping[str, Entry], dataset_entries: Mapping[str, Entry]
) -> tuple[dict[str, MethodInfo], dict[str, DatasetInfo]]:
    methods = {name: entry.info for name, entry in method_entries.items() if isinstance(entry.info, MethodInfo)}
    datasets = {name: entry.info for name, entry in dataset_entries.items() if isinstance(entry.info, DatasetInfo)}
    return {**methods, REFERENCE_INFO.name: REFERENCE_INFO}, datasets


def _known_defaults(entries: Mapping[str, Entry], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Defaults by adapter; without those that are gone or cannot be loaded, which must not hide their records."""
    found = {}
    for name in sorted(names):
        with suppress(BenchError):
            if name in entries:
                found[name] = resolve_params(entries[name], {})
    return found


def _parameters(values: dict[str, Any], defaults: Mapping[str, Any] | None) -> Parameters:
    if defaults is None:
        return Parameters(values, values, None)
    # As JSON: a record holds lists where an adapter has tuples.
    usual = json.loads(canonical_json(dict(defaults)))
    changed = {name: value for name, value in values.items() if name not in usual or usual[name] != value}
    return Parameters(values, changed, {name: usual[name] for name in changed if name in usual})


def _unlike(held: Sequence[Record]) -> list[str]:
    """What makes the seeds of one cell hard to put into one mean."""
    ended = [record for record in held if record.status == "ok"]
    dirty = sum(record.dirty for record in held)
    found = {
        "seeds ran with different versions of the method's code": len({r.spec.method_source for r in held}) > 1,
        "seeds ran on different versions of the data": len({r.spec.data_hash for r in ended}) > 1,
        "seeds ran under different versions of the harness's rules": len({r.spec.protocol for r in held}) > 1,
        f"{dirty} of {len(held)} runs had changes that were not committed": dirty > 0,
    }
    return [text for text, holds in found.items() if holds]


def _scaled(value: float | None, header: MetricHeader) -> float | None:
    return value * header.scale if value is not None and math.isfinite(value) else None


def _flat(text: str) -> str:
    # As footnotes spell it.
    return " ".join(text.split())
