"""Two methods side by side over seeds and data sets, and several of them ranked."""

from __future__ import annotations

import math
from dataclasses import dataclass

from bench.errors import InvalidInputError
from bench.reporting.headers import MetricHeader
from bench.reporting.selection import Selection
from bench.reporting.statistics import (
    FEWEST_DATASETS,
    FEWEST_METHODS,
    Difference,
    Outcome,
    Ranks,
    outcome_of,
    paired_difference,
    rank_methods,
)

__all__ = ["DatasetOutcome", "Pair", "Ranking", "compare_pair", "compare_ranks"]


@dataclass(frozen=True)
class DatasetOutcome:
    """Two methods on one data set.

    Parameters
    ----------
    dataset : str
        Label of the column.
    difference : Difference
        First minus second, in the table's unit.
    outcome : {"win", "tie", "loss", "open"}
        For the first.
    """

    dataset: str
    difference: Difference
    outcome: Outcome


@dataclass(frozen=True)
class Pair:
    """Two methods over data sets.

    Parameters
    ----------
    a, b : str
        Labels of the rows.
    metric : MetricHeader
        What is compared.
    datasets : tuple of DatasetOutcome
        In table order; without those on which neither was run.
    remarks : tuple of str
        What was left out and why, and where the seed changes nothing.
    """

    a: str
    b: str
    metric: MetricHeader
    datasets: tuple[DatasetOutcome, ...]
    remarks: tuple[str, ...]

    def count(self, outcome: Outcome) -> int:
        """On how many data sets the first has that outcome; those without a common seed have none."""
        return sum(one.outcome == outcome and bool(one.difference.seeds) for one in self.datasets)


@dataclass(frozen=True)
class Ranking:
    """Several methods over the data sets on which all of them have values.

    Parameters
    ----------
    metric : MetricHeader
        What is compared.
    methods : tuple of str
        Labels of the rows.
    datasets : tuple of str
        Labels of the complete columns.
    means : tuple of tuple of float
        For every complete column the mean of each method over the seeds that all have.
    ranks : Ranks or None
        None where there are too few methods or complete columns to test.
    reason : str
        Why there are no ranks; empty where there are.
    remarks : tuple of str
        What was left out and why, and where the seed changes nothing.
    """

    metric: MetricHeader
    methods: tuple[str, ...]
    datasets: tuple[str, ...]
    means: tuple[tuple[float, ...], ...]
    ranks: Ranks | None
    reason: str
    remarks: tuple[str, ...]


def compare_pair(selection: Selection) -> Pair:
    """Compare the two rows of `selection`: first minus second over common seeds, data set by data set.

    Raises
    ------
    InvalidInputError
        If it has not two rows.
    """
    if len(selection.axes.rows) != 2:
        raise InvalidInputError(f"{len(selection.axes.rows)} rows given; a paired comparison takes two")
    first, second = selection.axes.rows
    compared: list[DatasetOutcome] = []
    remarks: list[str] = []
    for column in selection.axes.columns:
        difference = paired_difference(selection.values(first, column), selection.values(second, column))
        compared.append(DatasetOutcome(column.label, difference, outcome_of(difference, selection.direction)))
        remarks += selection.left_out(column, difference.seeds)
    return Pair(first.label, second.label, selection.metric, tuple(compared), (*remarks, *selection.unmoved()))


def compare_ranks(selection: Selection) -> Ranking:
    """Rank the rows of `selection` over its complete columns.

    A column is complete where all rows have a value with a seed in common; its scores are means over these seeds.
    """
    rows = selection.axes.rows
    complete: list[str] = []
    means: list[tuple[float, ...]] = []
    remarks: list[str] = []
    for column in selection.axes.columns:
        values = [selection.values(row, column) for row in rows]
        seeds = sorted(set.intersection(*(set(found) for found in values)))
        remarks += selection.left_out(column, seeds)
        if seeds:
            complete.append(column.label)
            means.append(tuple(math.fsum(found[seed] for seed in seeds) / len(seeds) for found in values))
    reason = _too_few(len(rows), len(complete), len(selection.axes.columns))
    return Ranking(
        metric=selection.metric,
        methods=tuple(row.label for row in rows),
        datasets=tuple(complete),
        means=tuple(means),
        ranks=None if reason else rank_methods(means, selection.direction),
        reason=reason,
        remarks=(*remarks, *selection.unmoved()),
    )


def _too_few(n_methods: int, n_complete: int, n_columns: int) -> str:
    if n_methods >= FEWEST_METHODS and n_complete >= FEWEST_DATASETS:
        return ""
    return (
        f"Too few to test ranks: that takes {FEWEST_METHODS} methods and {FEWEST_DATASETS} data sets on which all of "
        f"them have values; here are {n_methods} methods, and {n_complete} of {n_columns} data sets are complete"
    )
