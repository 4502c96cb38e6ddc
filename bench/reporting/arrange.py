"""Tables in the layout of a published one: records sorted into the rows and columns that the layout names."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.errors import NoRunsError
from bench.metadata import DatasetInfo, MethodInfo
from bench.metrics.custom import CustomMetric
from bench.record import Record, canonical_json
from bench.reporting.axes import Axes, parameter_text
from bench.reporting.cells import TableBuilder
from bench.reporting.comparison import Comparison
from bench.reporting.footnotes import Footnotes
from bench.reporting.headers import select_headers
from bench.reporting.mixing import mixed_note, refuse_mixed
from bench.reporting.model import Column, Row, Table
from bench.reporting.provenance import Defaults, budget_text, head_lines
from bench.reporting.published import PublishedCell, published_table
from bench.reporting.table_layouts import LayoutColumn, LayoutRow, TableLayout

__all__ = ["arranged_table"]

Params = Mapping[str, Any]
# Records by position of their row.
Held = dict[int, tuple[Record, ...]]

# How the DFC report prints what our records hold as one number: the entropies of the two groups, in nats.
_ENTROPY, _OF_GROUPS = "entropy", ("entropy_group0", "entropy_group1")


def arranged_table(
    layout: TableLayout,
    records: Sequence[Record],
    *,
    methods: Mapping[str, MethodInfo],
    datasets: Mapping[str, DatasetInfo],
    metrics: Sequence[str] = (),
    custom: Mapping[str, CustomMetric] | None = None,
    defaults: Defaults | None = None,
    allow_mixed: bool = True,
) -> Table:
    """Our runs in the layout of a published table, its numbers below ours.

    The runs of a column differ in the parameters that rows name, and in nothing else. Where there are several such
    sets of runs, with other budgets for example, it holds the one that fills most rows; of equal ones the newest.

    Parameters
    ----------
    layout : TableLayout
        One that has rows.
    records : sequence of Record
        One for every method, data set and seed; those of other methods or parameters play no part.
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name.
    metrics : sequence of str
        Metric keys; those of the layout if empty.
    custom : mapping of str to CustomMetric, optional
        Metrics of the user's own, by key.
    defaults : mapping of str to mapping, optional
        Default parameters by registry name: they are left out of what the table says was run.
    allow_mixed : bool
        As for :func:`bench.reporting.cells.build_table`.

    Raises
    ------
    NoRunsError
        If none of the records belongs into the table.
    ResultsError
        If a column is mixed and must not be.
    UnknownNameError
        If a metric is neither known nor in any record.
    """
    wanted = layout.rows()
    recorded = {key for record in records for key in record.metrics}
    headers = select_headers(metrics or layout.metrics, recorded, custom or {})
    if not layout.rank:
        headers = tuple(replace(header, direction=None) for header in headers)
    places = [(column, _held(layout.method, wanted, column, records)) for column in layout.column]
    # Once each, though rows may share runs.
    used = list({record.key: record for _, held in places for found in held.values() for record in found}.values())
    if not used:
        raise NoRunsError(f"there are no runs for '{layout.name}'; `bench run --suite {layout.suite}` makes them")
    footnotes = Footnotes()
    shown = [(column, held) for column, held in places if held or column.published]
    # Rows on data of their own compare with no other row.
    apart = any(row.data for row in wanted)
    columns = [_column(column, held, datasets.get(column.dataset), footnotes, apart) for column, held in shown]
    rows = [_row(layout.method, row, methods.get(layout.method), footnotes) for row in wanted]
    by_place = {
        (rows[number], column): found
        for column, (_, held) in zip(columns, shown, strict=True)
        for number, found in held.items()
    }
    axes = Axes(tuple(rows), tuple(columns), by_place)
    if not allow_mixed:
        for part in [(row,) for row in rows] if apart else [tuple(rows)]:
            refuse_mixed(replace(axes, rows=part))
    quoted = _quoted(layout, dict(zip(rows, wanted, strict=True)), columns, datasets)
    comparison = Comparison(layout.table, lambda *place: quoted.get(place), layout.obstacle)
    builder = TableBuilder(axes, headers, footnotes, comparison, methods, defaults or {}, explained=False)
    return builder.table(
        runs=tuple(_run_lines(axes, (defaults or {}).get(layout.method, {}))),
        head=head_lines(used, layout.command),
        notes=(*layout.notes, *([f"No verdict: {layout.obstacle}."] if layout.obstacle else [])),
        stub=layout.stub,
    )


def _held(method: str, rows: Sequence[LayoutRow], column: LayoutColumn, records: Sequence[Record]) -> Held:
    """The runs of one column by row: of all sets that differ in what rows name alone, the fullest."""
    sets: dict[str, dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        spec = record.spec
        if (spec.method, spec.dataset) != (method, column.dataset) or not _has(spec.dataset_params, column.params):
            continue
        for number, row in enumerate(rows):
            if _has(spec.method_params, row.params) and _has(spec.dataset_params, row.data):
                rest = [_without(spec.method_params, row.params), _without(spec.dataset_params, row.data)]
                sets[canonical_json(rest)][number].append(record)
    if not sets:
        return {}
    best = max(sets.values(), key=lambda held: (len(held), max(r.ended for found in held.values() for r in found)))
    return {number: tuple(sorted(found, key=lambda record: record.spec.seed)) for number, found in best.items()}


def _has(params: Params, wanted: Params) -> bool:
    return all(name in params and params[name] == value for name, value in wanted.items())


def _without(params: Params, named: Params) -> Params:
    return {name: value for name, value in params.items() if name not in named}


def _column(layout: LayoutColumn, held: Held, info: DatasetInfo | None, footnotes: Footnotes, apart: bool) -> Column:
    records = [record for found in held.values() for record in found]
    mixed = [mixed_note(part) for part in (held.values() if apart else [records])]
    notes = [*(info.notes if info else ()), *sorted({record.data_note for record in records}), *mixed]
    return Column(
        name=layout.dataset,
        label=info.title if info else layout.dataset,
        published_as=layout.published or None,
        params=_choice(layout.params),
        footnotes=footnotes.number(notes),
    )


def _row(method: str, layout: LayoutRow, info: MethodInfo | None, footnotes: Footnotes) -> Row:
    return Row(
        name=method,
        label=layout.label,
        ranked=True,
        published_as=layout.published or None,
        params=_choice({**layout.params, **layout.data}),
        footnotes=footnotes.number(info.notes if info else ()),
    )


def _choice(params: Params) -> tuple[tuple[str, str], ...]:
    return tuple((name, parameter_text(value)) for name, value in params.items())


def _quoted(
    layout: TableLayout, rows: Mapping[Row, LayoutRow], columns: Sequence[Column], datasets: Mapping[str, DatasetInfo]
) -> dict[tuple[Row, Column, str], PublishedCell]:
    """Published cells by place and metric key."""
    quoted: dict[tuple[Row, Column, str], PublishedCell] = {}
    for row, wanted in rows.items():
        for column in columns:
            place = wanted.published, column.published_as, wanted.settings
            cells = [c for c in published_table(layout.table).cells if (c.method, c.dataset, c.settings) == place]
            quoted.update({(row, column, cell.metric): cell for cell in cells})
            info = datasets.get(column.name)
            entropy = _entropy({cell.metric: cell for cell in cells}, info.k if info else None)
            if entropy is not None:
                quoted[row, column, _ENTROPY] = entropy
    return quoted


def _entropy(cells: Mapping[str, PublishedCell], k: int | None) -> PublishedCell | None:
    """The mean of the groups' entropies as a share of ln `k`, in percent: what our records hold."""
    nats = [cells[metric].value for metric in _OF_GROUPS if metric in cells]
    given = [value for value in nats if value is not None]
    if len(given) < len(_OF_GROUPS) or not k:
        return None
    # One decimal more than nats of three decimals are worth in percent, so that printing rounds but once.
    share = round(100 * sum(given) / len(given) / math.log(k), 3)
    notes = " ".join(cells[metric].note for metric in _OF_GROUPS if cells[metric].note)
    update = {"metric": _ENTROPY, "value": share, "unit": None, "printed_as": None, "note": notes}
    return cells[_OF_GROUPS[0]].model_copy(update=update)


def _run_lines(axes: Axes, defaults: Params) -> Iterator[str]:
    for column in axes.columns:
        records = axes.in_column(column)
        if records:
            yield f"{column.label}: {budget_text(records, defaults)}"
