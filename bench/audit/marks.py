"""Best and second best of a published table: whether its marks agree with its numbers, and by how much it leads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from bench.audit.model import Finding, Margin
from bench.audit.wording import mark_text, row_text
from bench.metrics.evaluation import METRICS
from bench.reporting.published import PublishedCell, PublishedTable

__all__ = ["margins_of", "wrong_marks"]

_MARKS = ("best", "second")


class _Column(NamedTuple):
    dataset: str
    metric: str
    cells: list[PublishedCell]
    # Distinct values, the best first.
    ladder: list[float]


def wrong_marks(table: PublishedTable) -> list[Finding]:
    """Cells whose highlight disagrees with their rank; ties share one, and the second is the next value.

    A column without marks, and a kind of mark that a column does not use, say nothing.
    """
    return [finding for column in _columns(table) for finding in _wrong(column)]


def margins_of(table: PublishedTable) -> tuple[Margin, ...]:
    """How far the best row of each column is ahead of the next."""
    return tuple(_margin(column) for column in _columns(table) if len(column.cells) > 1)


def _wrong(column: _Column) -> Iterator[Finding]:
    used = {cell.mark for cell in column.cells}
    for mark, value in zip(_MARKS, column.ladder, strict=False):
        for cell in column.cells:
            if mark in used and (cell.mark == mark) != (cell.value == value):
                yield Finding(
                    method=cell.method,
                    dataset=cell.dataset,
                    settings=cell.settings,
                    printed={cell.metric: cell.value or 0.0},
                    implied={},
                    text=mark_text(cell, mark, value),
                    kind="mark",
                    suspects=(cell.metric,),
                )


def _margin(column: _Column) -> Margin:
    rows = [
        tuple(row_text(cell.method, cell.settings) for cell in column.cells if cell.value == value)
        for value in column.ladder[:2]
    ]
    best, second = rows[0], rows[1] if len(rows) > 1 else ()
    joint = len(best) > 1
    # A difference of printed decimals, not of their binary neighbours.
    lead = 0.0 if joint else round(abs(column.ladder[0] - column.ladder[1]), 6)
    return Margin(column.dataset, column.metric, best, best if joint else second, lead)


def _columns(table: PublishedTable) -> Iterator[_Column]:
    """Columns of metrics with a known direction, in the table's order."""
    held: dict[tuple[str, str], list[PublishedCell]] = defaultdict(list)
    for cell in table.cells:
        if cell.value is not None and cell.metric in METRICS and METRICS[cell.metric].direction:
            held[cell.dataset, cell.metric].append(cell)
    for (dataset, metric), cells in held.items():
        values = {cell.value for cell in cells if cell.value is not None}
        yield _Column(dataset, metric, cells, sorted(values, reverse=METRICS[metric].direction == "higher"))
