"""From records to the one table that every renderer draws."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bench.errors import ResultsError
from bench.metadata import DatasetInfo, MethodInfo
from bench.metrics.custom import CustomMetric
from bench.record import Record
from bench.reporting.axes import Axes, make_axes
from bench.reporting.comparison import Comparison
from bench.reporting.footnotes import Footnotes
from bench.reporting.gaps import explanation, is_gap
from bench.reporting.headers import PAPER_METRICS, MetricHeader, select_headers
from bench.reporting.mixing import refuse_mixed
from bench.reporting.model import Cell, Column, Entry, Row, Table
from bench.reporting.outcomes import run_outcome, seed_values, undefined_reason, unused_clusters
from bench.reporting.provenance import Defaults, deviation, head_lines, run_lines
from bench.reporting.published import TABLE_1, PublishedCell, published_cell
from bench.reporting.ranking import ranks
from bench.reporting.verdicts import LEGEND, MARKS

__all__ = ["TableBuilder", "build_table"]

_CAPTION = (
    "Mean ± sample standard deviation over seeds{unit}. n: seeds that ended well, and of how many where some did not."
)
_RANKS = " Best in bold, second best underlined, both decided on the printed digits, ties joint{unranked}."
_UNRANKED = "; controls and the reference are not ranked"
_PUBLISHED = " Rows named published: {title}."


def build_table(
    records: Sequence[Record],
    *,
    methods: Mapping[str, MethodInfo],
    datasets: Mapping[str, DatasetInfo],
    metrics: Sequence[str] = PAPER_METRICS,
    custom: Mapping[str, CustomMetric] | None = None,
    defaults: Defaults | None = None,
    dataset_defaults: Defaults | None = None,
    allow_mixed: bool = True,
    complete: bool = False,
    command: str = "",
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
    custom : mapping of str to CustomMetric, optional
        Metrics of the user's own, by key.
    defaults, dataset_defaults : mapping of str to mapping, optional
        Default parameters by registry name: they are left out of what the table says was run. Data with other
        than default parameters are not the paper's, so no published number stands beside them.
    allow_mixed : bool
        Whether a column may hold runs on several versions of its data, or under several versions of the
        harness's rules; a footnote says so then.
    complete : bool
        Whether to show all methods and data sets of the FCMI paper's Table 1, run or not.
    command : str
        What makes runs and table, to stand above it.

    Raises
    ------
    ResultsError
        If there are no records, or a column is mixed and must not be.
    UnknownNameError
        If a metric is neither known nor in any record.
    """
    if not records:
        raise ResultsError("there are no records to show; `bench run` makes some")
    headers = select_headers(metrics, {key for record in records for key in record.metrics}, custom or {})
    footnotes = Footnotes()
    axes = make_axes(records, methods, datasets, footnotes, complete=complete)
    if not allow_mixed:
        refuse_mixed(axes)
    comparison = Comparison(TABLE_1, partial(_of_table_1, axes, dataset_defaults or {}))
    builder = TableBuilder(axes, headers, footnotes, comparison, methods, defaults or {})
    return builder.table(
        runs=run_lines(axes, defaults or {}, dataset_defaults or {}), head=head_lines(records, command)
    )


def _of_table_1(axes: Axes, dataset_defaults: Defaults, row: Row, column: Column, metric: str) -> PublishedCell | None:
    if row.published_as is None or column.published_as is None:
        return None
    defaults, records = dataset_defaults.get(column.name), axes.in_column(column)
    if defaults is not None and records and records[0].spec.dataset_params != dict(defaults):
        return None
    return published_cell(row.published_as, column.published_as, metric)


class TableBuilder:
    """Fills a table row by row, so that footnotes are numbered in reading order.

    Parameters
    ----------
    axes : Axes
        Rows, columns and their records.
    headers : sequence of MetricHeader
        Metrics under every column.
    footnotes : Footnotes
        Takes what is to be said below.
    comparison : Comparison
        What the numbers are held against.
    methods : mapping of str to MethodInfo
        Metadata by registry name.
    defaults : mapping of str to mapping
        Parameters by default, by registry name of the method.
    explained : bool
        Whether to say why ours is far from the published number, and which parameters of a place are not those of
        the rest of its row.
    """

    def __init__(
        self,
        axes: Axes,
        headers: Sequence[MetricHeader],
        footnotes: Footnotes,
        comparison: Comparison,
        methods: Mapping[str, MethodInfo],
        defaults: Defaults,
        *,
        explained: bool = True,
    ) -> None:
        self.axes = axes
        self.headers = tuple(headers)
        self.footnotes = footnotes
        self.comparison = comparison
        self.methods = methods
        self.defaults = defaults
        self.explained = explained

    def table(
        self, *, runs: tuple[str, ...], head: tuple[str, ...], notes: Sequence[str] = (), stub: str = "Method"
    ) -> Table:
        """The table, below `head` and above what was run; `notes` end its caption, `stub` heads its rows."""
        entries, cells = self.fill()
        shown = any(cell.published is not None for cell in cells.values())
        source = self.comparison.table
        verdicts = _verdict_lines(cells.values())
        said = [_PUBLISHED.format(title=source.title) if shown else "", f" {LEGEND}" if verdicts else ""]
        return Table(
            rows=self.axes.rows,
            columns=self.axes.columns,
            metrics=self.headers,
            entries=entries,
            cells=cells,
            footnotes=self.footnotes.texts,
            runs=runs,
            caption="".join([_caption(self.headers), self._ranks_text(), *said, *(f" {note}" for note in notes)]),
            source=f"{source.source}. doi:{source.doi}" if shown else "",
            head=(*head, *verdicts),
            stub=stub,
        )

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
                changed = deviation(self.axes, row, column) if self.explained else ""
                tuned = sorted({record.tuned for record in records})
                said = [reason if status == "partial" else "", unused, changed, *tuned]
                entries[row, column] = replace(bare, footnotes=self.footnotes.number(said))
        self._rank(cells)
        return entries, cells

    def _cell(self, row: Row, column: Column, header: MetricHeader, records: Sequence[Record], entry: Entry) -> Cell:
        values, undefined = _measure(records, header)
        mean, std, n = _summary([value for _, value in values])
        missing = undefined or (entry.reason if mean is None else "")
        published = self.comparison.cell(row, column, header.key)
        info = self.methods.get(row.name)
        judged = self.comparison.judgement(
            published,
            records,
            (mean, std, n),
            deterministic=info is not None and not info.stochastic,
            defaults=self.defaults.get(row.name, {}),
        )
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
            verdict=judged.verdict if judged else None,
            verdict_reason=judged.reason if judged else "",
            by_seed=values,
        )

    def _remarks(self, row: Row, column: Column, mean: float | None, published: PublishedCell | None) -> list[str]:
        """What is to be said of a published number: what is wrong with it, and why ours is far from it."""
        if published is None:
            return []
        doubt = f"Published {published.dataset} value of {published.method}: {published.note}" if published.note else ""
        if not self.explained or not is_gap(mean, published.value):
            return [doubt]
        params = self.axes.records[row, column][0].spec.method_params
        return [doubt, explanation(row.name, column.name, published.metric, params)]

    def _ranks_text(self) -> str:
        if all(header.direction is None for header in self.headers):
            return ""
        return _RANKS.format(unranked=_UNRANKED if any(not row.ranked for row in self.axes.rows) else "")

    def _rank(self, cells: dict[tuple[Row, Column, str], Cell]) -> None:
        for column in self.axes.columns:
            for header in self.headers:
                places = [(row, column, header.key) for row in self.axes.rows if row.ranked]
                means = {place: mean for place in places if (mean := cells[place].mean) is not None}
                for place, rank in ranks(means, header.direction).items():
                    cells[place] = replace(cells[place], rank=rank)


def _verdict_lines(cells: Iterable[Cell]) -> list[str]:
    """How many published numbers fared how; nothing where ours stands beside none."""
    counts = Counter(cell.verdict for cell in cells if cell.verdict)
    told = [f"{counts[verdict]} {verdict}" for verdict in MARKS if counts[verdict]]
    shown = f"Of {counts.total()} published numbers beside ours, over all metrics"
    return [f"{shown}: {', '.join(told)}"] if told else []


def _measure(records: Sequence[Record], header: MetricHeader) -> tuple[tuple[tuple[int, float], ...], str]:
    """Every seed that has a value, and that value; and why an ``ok`` run has none, if none has."""
    values = seed_values(records, header)
    ended = [record.metrics for record in records if record.status == "ok"]
    return values, undefined_reason(header.key, ended[0]) if ended and not values else ""


def _summary(values: Sequence[float]) -> tuple[float | None, float | None, int]:
    """Mean, sample standard deviation and number of values."""
    mean = statistics.fmean(values) if values else None
    return mean, statistics.stdev(values) if len(values) > 1 else None, len(values)


def _caption(headers: Sequence[MetricHeader]) -> str:
    counts = [header.title for header in headers if header.unit == "count"]
    if len(counts) == len(headers):
        return _CAPTION.format(unit="")
    return _CAPTION.format(unit=", in percent" + (f" ({', '.join(counts)}: a count)" if counts else ""))
