"""Which runs a comparison of methods is about: rows of the table, columns and one metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.errors import InvalidInputError, ResultsError, UnknownNameError
from bench.metadata import DatasetInfo, MethodInfo
from bench.metrics.custom import CustomMetric
from bench.metrics.evaluation import Direction
from bench.record import Record
from bench.registry import normalise
from bench.reporting.axes import Axes, make_axes
from bench.reporting.footnotes import Footnotes
from bench.reporting.headers import MetricHeader, select_headers
from bench.reporting.mixing import refuse_mixed
from bench.reporting.model import Column, Row
from bench.reporting.outcomes import run_outcome, seed_values, undefined_reason

__all__ = ["Selection", "select"]


@dataclass(frozen=True)
class Selection:
    """Rows, columns and one metric to compare, out of all records: what :func:`select` returns.

    Parameters
    ----------
    axes : Axes
        The chosen rows and columns with their records.
    metric : MetricHeader
        With a direction.
    """

    axes: Axes
    metric: MetricHeader

    @property
    def direction(self) -> Direction:
        """Which values are better."""
        return self.metric.direction or "higher"

    def values(self, row: Row, column: Column) -> dict[int, float]:
        """The metric by seed, in the table's unit, of the runs that ended well and have a value."""
        return dict(seed_values(self.axes.records.get((row, column), ()), self.metric))

    def left_out(self, column: Column, seeds: Sequence[int]) -> list[str]:
        """What a comparison over `seeds` leaves out of `column`, and why; where there are none, all of it."""
        said = [(row.label, text) for row in self.axes.rows for text in self._reasons(row, column, seeds)]
        if seeds:
            return [f"{column.label}, {label}: {text}" for label, text in said]
        why = "; ".join(f"{label}: {text}" for label, text in said) or "no seed that all have"
        return [f"{column.label} left out: {why}"]

    def unmoved(self) -> list[str]:
        """Where methods give the same value with every seed."""
        found = {
            row: [column.label for column in self.axes.columns if _is_constant(self.values(row, column))]
            for row in self.axes.rows
        }
        return [f"{row.label}: the seed changes nothing on {', '.join(on)}" for row, on in found.items() if on]

    def _reasons(self, row: Row, column: Column, seeds: Sequence[int]) -> list[str]:
        records = self.axes.records.get((row, column), ())
        values = self.values(row, column)
        reasons = [run_outcome(records)[1]]
        without = [record for record in records if record.status == "ok" and record.spec.seed not in values]
        if without:
            why = undefined_reason(self.metric.key, without[0].metrics)
            reasons.append(f"{len(without)} of {len(records)} runs without {self.metric.title}: {why}")
        unpaired = sorted(values.keys() - set(seeds)) if seeds else []
        if unpaired:
            reasons.append(f"seeds that not all have: {', '.join(map(str, unpaired))}")
        return [reason for reason in reasons if reason]


def select(
    records: Sequence[Record],
    names: Sequence[str],
    metric: str,
    *,
    methods: Mapping[str, MethodInfo],
    datasets: Mapping[str, DatasetInfo],
    only: Sequence[str] = (),
    custom: Mapping[str, CustomMetric] | None = None,
) -> Selection:
    """Choose what `names` ask for.

    Parameters
    ----------
    records : sequence of Record
        One for every method, data set and seed: :meth:`bench.records.RecordStore.current`.
    names : sequence of str
        Rows: registry names, or as the table labels them, ``"falg(features=ae)"`` or ``"FAlg (features=ae)"``, where
        a method has several rows. None at all means every ranked row.
    metric : str
        Metric key.
    methods, datasets : mapping of str to MethodInfo or DatasetInfo
        Metadata by registry name.
    only : sequence of str
        Registry names of data sets; all that have records by default.
    custom : mapping of str to CustomMetric, optional
        Metrics of the user's own, by key.

    Raises
    ------
    UnknownNameError
        For a row, metric or data set that no record has.
    InvalidInputError
        For a name that several rows have, a row that is named twice, a metric without a direction.
    ResultsError
        Without records, and where runs on one data set do not compare.
    """
    if not records:
        raise ResultsError("there are no records to compare; `bench run` makes some")
    (header,) = select_headers((metric,), {key for record in records for key in record.metrics}, custom or {})
    if header.direction is None:
        raise InvalidInputError(f"metric '{metric}' given, of which neither side is better; f_beta, for one, ranks")
    # Of all records, so that a row has the label that the table gives it.
    axes = make_axes(records, methods, datasets, Footnotes())
    rows = _rows(axes, names)
    columns = _columns(axes, rows, only)
    held = {place: found for place, found in axes.records.items() if place[0] in rows and place[1] in columns}
    chosen = Axes(rows, columns, held)
    refuse_mixed(chosen, remedy="--datasets names others only")
    return Selection(chosen, header)


def _rows(axes: Axes, names: Sequence[str]) -> tuple[Row, ...]:
    if not names:
        return tuple(row for row in axes.rows if row.ranked)
    rows = tuple(_row(axes, name) for name in names)
    if len(set(rows)) < len(rows):
        raise InvalidInputError(f"{', '.join(names)} given; name every row once")
    return rows


def _row(axes: Axes, name: str) -> Row:
    found = [row for row in axes.rows if _bare(name) in {_bare(row.label), _bare(row.name), _bare(_spelled(row))}]
    if len(found) > 1:
        spelled = ", ".join(f"'{_spelled(row)}'" for row in found)
        raise InvalidInputError(f"'{name}' given, which has {len(found)} rows; name one of {spelled}")
    if not found:
        raise UnknownNameError("method with records", name, {_spelled(row) for row in axes.rows})
    return found[0]


def _spelled(row: Row) -> str:
    """Registry name with the parameters of the row."""
    return f"{row.name}({', '.join(f'{name}={value}' for name, value in row.params)})" if row.params else row.name


def _bare(text: str) -> str:
    return "".join(normalise(text).split())


def _columns(axes: Axes, rows: Sequence[Row], only: Sequence[str]) -> tuple[Column, ...]:
    there = [column for column in axes.columns if any((row, column) in axes.records for row in rows)]
    for name in only:
        if name not in {column.name for column in there}:
            raise UnknownNameError("data set with records", name, {column.name for column in there})
    return tuple(column for column in there if not only or column.name in only)


def _is_constant(values: Mapping[int, float]) -> bool:
    return len(values) > 1 and len(set(values.values())) == 1
