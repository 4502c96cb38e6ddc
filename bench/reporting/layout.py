"""The lines of a table as text, in the order every renderer draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.reporting.headers import printed
from bench.reporting.model import Cell, Column, Entry, Row, Table
from bench.reporting.verdicts import MARKS

__all__ = ["DASH", "Line", "Value", "blocks", "lines"]

# Stands where there is no number, in text.
DASH = "\N{EN DASH}"

LineKind = Literal["method", "published", "heading"]


@dataclass(frozen=True)
class Value:
    """What one place of a table shows.

    Parameters
    ----------
    text : str
        The mean, a count of seeds, or empty.
    std : str
        The standard deviation, or empty.
    rank : {1, 2} or None
        Best or second best.
    marks : tuple of int
        Numbers of footnotes.
    missing : bool
        Whether there is a dash in place of a number.
    verdict : str
        One character behind a published number, or empty.
    """

    text: str
    std: str = ""
    rank: int | None = None
    marks: tuple[int, ...] = ()
    missing: bool = False
    verdict: str = ""


@dataclass(frozen=True)
class Line:
    """One line of a table.

    Parameters
    ----------
    kind : {"method", "published", "heading"}
        Our numbers, the published ones below them, or the head of the controls.
    label : str
        What stands in the first column.
    marks : tuple of int
        Numbers of the label's footnotes.
    values : tuple of Value
        For every data set, its metrics and then n; empty for a heading.
    """

    kind: LineKind
    label: str
    marks: tuple[int, ...] = ()
    values: tuple[Value, ...] = ()


def lines(table: Table, columns: Sequence[Column]) -> Iterator[Line]:
    """Lines of `table` for some of its `columns`; controls and the reference come last, under a heading."""
    # Without ranked rows above them the controls need no heading.
    headed = not any(row.ranked for row in table.rows)
    for row in table.rows:
        if not row.ranked and not headed:
            headed = True
            yield Line("heading", "Controls, not ranked")
        yield Line("method", row.label, row.footnotes, _values(table, row, columns))
        if any(
            table.cells[row, column, header.key].published is not None for column in columns for header in table.metrics
        ):
            yield Line("published", "published", values=_published(table, row, columns))


def blocks(table: Table, size: int) -> list[tuple[Column, ...]]:
    """Columns of `table` in groups of at most `size`."""
    return [table.columns[start : start + size] for start in range(0, len(table.columns), size)]


def _values(table: Table, row: Row, columns: Sequence[Column]) -> tuple[Value, ...]:
    values: list[Value] = []
    for column in columns:
        values += [_value(table.cells[row, column, header.key]) for header in table.metrics]
        values.append(_count(table.entries[row, column]))
    return tuple(values)


def _published(table: Table, row: Row, columns: Sequence[Column]) -> tuple[Value, ...]:
    values: list[Value] = []
    for column in columns:
        for header in table.metrics:
            cell = table.cells[row, column, header.key]
            text = "" if cell.published is None else printed(cell.published)
            verdict = MARKS[cell.verdict] if cell.verdict else ""
            values.append(Value(text, marks=cell.published_footnotes, verdict=verdict))
        values.append(Value(""))
    return tuple(values)


def _value(cell: Cell) -> Value:
    if cell.mean is None:
        return Value("", marks=cell.footnotes, missing=True)
    std = "" if cell.std is None else printed(cell.std)
    return Value(printed(cell.mean), std, cell.rank, cell.footnotes)


def _count(entry: Entry) -> Value:
    text = str(entry.n) if entry.n == entry.requested else f"{entry.n}/{entry.requested}"
    return Value(text, marks=entry.footnotes)
