"""The table for a terminal: one block a data set, so that it fits eighty columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.reporting.layout import DASH, Line, Value, blocks, lines
from bench.reporting.model import Column, Table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable
    from rich.text import Text

__all__ = ["terminal_table"]

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_STYLES = {1: "bold", 2: "underline"}


def terminal_table(table: Table) -> RenderableType:
    """`table` as something a rich console prints.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.

    Returns
    -------
    rich.console.Group
        A table for every data set, then caption, footnotes and what was run.
    """
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = []
    for (column,) in blocks(table, 1):
        parts += [_block(table, column), Text("")]
    parts.append(Text(table.caption, style="dim"))
    if table.source:
        parts.append(Text(f"Published: {table.source}", style="dim"))
    if table.footnotes:
        parts += [Text(""), _footnotes(table)]
    return Group(*parts, Text(""), *(Text(line, style="dim") for line in (*table.runs, *table.head)))


def _block(table: Table, column: Column) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable(
        title=_marked(column.label, column.footnotes, "bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        header_style="",
    )
    drawn.add_column(Text(table.stub), overflow="fold")
    for header in table.metrics:
        drawn.add_column(Text(header.title), justify="right", no_wrap=True)
    drawn.add_column("n", justify="right", no_wrap=True)
    for line in lines(table, (column,)):
        if line.kind == "heading":
            drawn.add_section()
        drawn.add_row(*_row(line))
    return drawn


def _footnotes(table: Table) -> RichTable:
    from rich.table import Table as RichTable
    from rich.text import Text

    drawn = RichTable.grid(padding=(0, 1))
    drawn.add_column(justify="right")
    drawn.add_column()
    for number, note in enumerate(table.footnotes, start=1):
        drawn.add_row(Text(str(number)), Text(note))
    return drawn


def _row(line: Line) -> list[Text]:
    if line.kind == "heading":
        return [_marked(line.label, (), "italic")]
    if line.kind == "published":
        return [_marked(f"  {line.label}", (), "dim"), *(_published(value) for value in line.values)]
    return [_marked(line.label, line.marks, ""), *(_value(value) for value in line.values)]


def _value(value: Value) -> Text:
    from rich.text import Text

    if value.missing:
        return _marked(DASH, value.marks, "")
    text = Text(value.text, style=_STYLES.get(value.rank or 0, ""))
    # The style of the best belongs to the mean alone.
    return Text.assemble(text, (f" ±{value.std}" if value.std else "", "dim"), _superscript(value.marks))


def _published(value: Value) -> Text:
    return _marked(f"{value.text} {value.verdict}".rstrip(), value.marks, "dim")


def _marked(text: str, marks: tuple[int, ...], style: str) -> Text:
    from rich.text import Text

    return Text.assemble((text, style), _superscript(marks))


def _superscript(marks: tuple[int, ...]) -> str:
    return " ".join(map(str, marks)).translate(_SUPERSCRIPTS)
