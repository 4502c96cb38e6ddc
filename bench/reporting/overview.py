"""The table at a glance: one metric, a row for every method and a column for every data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.reporting.headers import MetricHeader, printed
from bench.reporting.layout import DASH, Line, Value, lines
from bench.reporting.markdown import escape, footnote_lines, heading_row, judged, pipe_table, superscript, value_text
from bench.reporting.model import Column, Row, Table
from bench.reporting.provenance import seed_ranges
from bench.reporting.verdicts import LEGEND

__all__ = ["overview_table"]

_CAPTION = "Mean ± sample standard deviation over n seeds"


def overview_table(table: Table) -> str:
    """The last metric of `table` as Markdown, every data set in one block.

    Below it stand the reasons for places without a number, the values of single seeds where they differ, and what was
    run. Of the footnotes it has those on the runs, with their numbers in the whole table; what is to be said of
    methods, data sets and published values stands there.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    header = table.metrics[-1]
    cells = {place: cell for place, cell in table.cells.items() if place[2] == header.key}
    table = replace(table, metrics=(header,), cells=cells)
    parts = ["<br>\n".join(escape(line) for line in table.head)] if table.head else []
    parts += [f"**{escape(header.title)}**", _block(table), _caption(table, header)]
    marks = sorted({number for entry in table.entries.values() for number in entry.footnotes})
    parts += [footnote_lines(table, marks)] if marks else []
    parts += _listed("Without a number", _missing(table))
    parts += _listed("Seed by seed", _by_seed(table, header))
    parts += _listed("What was run", table.runs)
    return "\n\n".join(parts) + "\n"


def _block(table: Table) -> str:
    heads = [escape(table.stub), *(escape(column.label) for column in table.columns)]
    return pipe_table(heads, [_row(line, len(heads)) for line in lines(table, table.columns)])


def _row(line: Line, width: int) -> list[str]:
    if line.kind == "heading":
        return heading_row(line, width)
    means, counts = line.values[::2], line.values[1::2]
    if line.kind == "published":
        return [f"<sub>{escape(line.label)}</sub>", *(f"<sub>{judged(v)}</sub>" if v.text else "" for v in means)]
    return [escape(line.label), *(_place(mean, n) for mean, n in zip(means, counts, strict=True))]


def _place(mean: Value, count: Value) -> str:
    if mean.missing:
        return DASH
    return f"{value_text(replace(mean, marks=()))} <sub>n={count.text}</sub>{superscript(count.marks)}"


def _caption(table: Table, header: MetricHeader) -> str:
    unit = "" if header.unit == "count" else ", in percent"
    judged_any = any(cell.verdict for cell in table.cells.values())
    return escape(f"{_CAPTION}{unit}." + (f" {LEGEND}" if judged_any else ""))


def _missing(table: Table) -> list[str]:
    """One line for each reason, with the places that have it."""
    places: dict[str, dict[Column, list[Row]]] = {}
    for (row, column, _), cell in table.cells.items():
        if cell.mean is None:
            places.setdefault(cell.reason, {}).setdefault(column, []).append(row)
    return [
        f"{reason}: " + "; ".join(f"{column.label} ({_names(table, rows)})" for column, rows in columns.items())
        for reason, columns in sorted(places.items())
    ]


def _names(table: Table, rows: list[Row]) -> str:
    return "all rows" if len(rows) == len(table.rows) else ", ".join(row.label for row in rows)


def _by_seed(table: Table, header: MetricHeader) -> list[str]:
    """One line for each method whose seeds differ in what is printed."""
    told = [(row, _seeds(table, row, header)) for row in table.rows if row.ranked]
    return [f"{row.label}: {'; '.join(columns)}" for row, columns in told if columns]


def _seeds(table: Table, row: Row, header: MetricHeader) -> list[str]:
    texts = []
    for column in table.columns:
        values = table.cells[row, column, header.key].by_seed
        if len({printed(value) for _, value in values}) > 1:
            told = ", ".join(printed(value) for _, value in values)
            texts.append(f"{column.label} {told} ({seed_ranges(seed for seed, _ in values)})")
    return texts


def _listed(title: str, texts: Sequence[str]) -> list[str]:
    return [f"{title}:\n\n" + "\n".join(f"- {escape(text)}" for text in texts)] if texts else []
