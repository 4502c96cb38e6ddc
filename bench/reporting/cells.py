"""From records to the one table that every renderer draws."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bench.errors import ResultsError
from bench.metadata import DatasetInfo, MethodInfo
from bench.record import Record
from bench.reporting.axes import Axes, make_axes
from bench.reporting.footnotes import Footnotes
from bench.reporting.gaps import explanation, is_gap
from bench.reporting.headers import PAPER_METRICS, MetricHeader, select_headers
from bench.reporting.mixing import refuse_mixed
from bench.reporting.model import Cell, Column, Entry, Row, Table
from bench.reporting.outcomes import run_outcome, undefined_reason, unused_clusters
from bench.reporting.provenance import Defaults, deviation, run_lines
from bench.reporting.published import TABLE_1, PublishedCell, published_cell, published_table
from bench.reporting.ranking import ranks

__all__ = ["build_table"]

_CAPTION = (
    "Mean ± sample standard deviation over seeds{unit}. n: seeds that ended well, and of how many where some did not. "
    "Best in bold, second best underlined, both decided on the printed digits, ties joint; "
    "controls and the reference are not ranked."
)
_PUBLISHED = " Rows named published: {title}."


def build_table(
    records: Sequence[Record],
    *,
    methods: Mapping[str, MethodInfo],
    datasets: Mapping[str, DatasetInfo],
    metrics: Sequence[str] = PAPER_METRICS,
    defaults: Defaults | None = None,
    dataset_defaults: Defaults | None = None,
    allow_mixed: bool = True,
) -> Table:
    """Compare methods over data sets.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed: :meth:`bench.records.RecordStore.current`.
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name. Names that are missing are shown as they are.
    metrics : sequence of str
        Metric keys, in the order of the columns.
    defaults, dataset_defaults : mapping of str to mapping, optional
        Default parameters by registry name: they are left out of what the table says was run. Data with other
        than default parameters are not the paper's, so no published number stands beside them.
    allow_mixed : bool
        Whether a column may hold runs on several versions of its data, or under several versions of the
        harness's rules; a footnote says so then.

    Raises
    ------
    ResultsError
        If there are no records, or a column is mixed and must not be.
    UnknownNameError
        If a metric is neither known nor in any record.
    """
    if not records:
        raise ResultsError("there are no records to show; `bench run` makes some")
    headers = select_headers(metrics, {key for record in records for key in record.metrics})
    footnotes = Footnotes()
    axes = make_axes(records, methods, datasets, footnotes)
    if not allow_mixed:
        refuse_mixed(axes)
    builder = _Builder(axes, headers, footnotes, dataset_defaults or {})
    entries, cells = builder.fill()
    source = published_table(TABLE_1)
    has_published = any(cell.published is not None for cell in cells.values())
    return Table(
        rows=axes.rows,
        columns=axes.columns,
        metrics=headers,
        entries=entries,
        cells=cells,
        footnotes=footnotes.texts,
        runs=run_lines(axes, defaults or {}, dataset_defaults or {}),
        caption=_caption(headers) + (_PUBLISHED.format(title=source.title) if has_published else ""),
        source=f"{source.source}. doi:{source.doi}" if has_published else "",
    )


class _Builder:
    """Fills the table row by row, so that footnotes are numbered in reading order."""

    def __init__(
        self, axes: Axes, headers: Sequence[MetricHeader], footnotes: Footnotes, dataset_defaults: Defaults
    ) -> None:
        self.axes = axes
        self.headers = headers
        self.footnotes = footnotes
        self.dataset_defaults = dataset_defaults

    def fill(self) -> tuple[dict[tuple[Row, Column], Entry], dict[tuple[Row, Column, str], Cell]]:
        """Entries and cells of all rows, ranked."""
        entries: dict[tuple[Row, Column], Entry] = {}
        cells: dict[tuple[Row, Column, str], Cell] = {}
        for row in self.axes.rows:
            for column in self.axes.columns:
                records = self.axes.records.get((row, column), ())
                status, reason = run_outcome(records)
                n = sum(record.status == "ok" for record in records)
                bare = Entry(n, len(records), status, reason)
                for header in self.headers:
                    cells[row, column, header.key] = self._cell(row, column, header, records, bare)
                # A dash explains itself; what is left to say of the runs stands at n.
                unused = unused_clusters(records) if row.ranked else ""
                said = [reason if status == "partial" else "", unused, deviation(self.axes, row, column)]
                entries[row, column] = replace(bare, footnotes=self.footnotes.number(said))
        self._rank(cells)
        return entries, cells

    def _cell(self, row: Row, column: Column, header: MetricHeader, records: Sequence[Record], entry: Entry) -> Cell:
        mean, std, n, undefined = _measure(records, header)
        missing = undefined or (entry.reason if mean is None else "")
        published = self._published(row, column, header)
        return Cell(
            method=row.name,
            dataset=column.name,
            metric=header.key,
            mean=mean,
            std=std,
            n=n,
            requested=entry.requested,
            published=published.value if published else None,
            status="undefined" if undefined else entry.status,
            reason=undefined or entry.reason,
            footnotes=self.footnotes.number([missing]),
            published_footnotes=self.footnotes.number(self._remarks(row, column, mean, published)),
        )

    def _remarks(self, row: Row, column: Column, mean: float | None, published: PublishedCell | None) -> list[str]:
        """What is to be said of a published number: what is wrong with it, and why ours is far from it."""
        if published is None:
            return []
        doubt = f"Published {published.dataset} value of {published.method}: {published.note}" if published.note else ""
        if not is_gap(mean, published.value):
            return [doubt]
        params = self.axes.records[row, column][0].spec.method_params
        return [doubt, explanation(row.name, column.name, published.metric, params)]

    def _published(self, row: Row, column: Column, header: MetricHeader) -> PublishedCell | None:
        if row.published_as is None or column.published_as is None or not self._is_default(column):
            return None
        return published_cell(row.published_as, column.published_as, header.key)

    def _is_default(self, column: Column) -> bool:
        defaults = self.dataset_defaults.get(column.name)
        return defaults is None or self.axes.in_column(column)[0].spec.dataset_params == dict(defaults)

    def _rank(self, cells: dict[tuple[Row, Column, str], Cell]) -> None:
        for column in self.axes.columns:
            for header in self.headers:
                places = [(row, column, header.key) for row in self.axes.rows if row.ranked]
                means = {place: mean for place in places if (mean := cells[place].mean) is not None}
                for place, rank in ranks(means, header.direction).items():
                    cells[place] = replace(cells[place], rank=rank)


def _measure(records: Sequence[Record], header: MetricHeader) -> tuple[float | None, float | None, int, str]:
    """Mean, sample standard deviation and number of seeds; and why an ``ok`` run has no value, if none has."""
    ended = [record.metrics for record in records if record.status == "ok"]
    found = [metrics.get(header.key) for metrics in ended]
    values = [value * header.scale for value in found if value is not None and math.isfinite(value)]
    if not values:
        return None, None, 0, undefined_reason(header.key, ended[0]) if ended else ""
    std = statistics.stdev(values) if len(values) > 1 else None
    return statistics.fmean(values), std, len(values), ""


def _caption(headers: Sequence[MetricHeader]) -> str:
    counts = [header.title for header in headers if header.unit == "count"]
    if len(counts) == len(headers):
        return _CAPTION.format(unit="")
    return _CAPTION.format(unit=", in percent" + (f" ({', '.join(counts)}: a count)" if counts else ""))
