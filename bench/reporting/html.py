"""The table in HTML, for notebooks: a fragment with no style of its own, and nothing that runs or is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from bench.harmless import for_terminal
from bench.reporting.layout import DASH, Line, Value, blocks, lines
from bench.reporting.model import Column, Table

__all__ = ["html_table"]


def html_table(table: Table) -> str:
    """`table` as an HTML fragment: a table for every data set, caption, footnotes, and what was run.

    Whatever names and reasons hold is shown as text.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    parts = [_block(table, column) for (column,) in blocks(table, 1)]
    parts.append(f"<p>{escape(table.caption)}</p>")
    if table.source:
        parts.append(f"<p>Published: {escape(table.source)}</p>")
    if table.footnotes:
        parts.append(_list("ol", table.footnotes))
    parts.append(_list("ul", (*table.runs, *table.head)))
    return for_terminal("\n".join(parts)) + "\n"


def _list(kind: str, texts: Iterable[str]) -> str:
    return f"<{kind}>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</{kind}>"


def _block(table: Table, column: Column) -> str:
    heads = "".join(f"<th>{escape(text)}</th>" for text in (table.stub, *(h.title for h in table.metrics), "n"))
    width = len(table.metrics) + 2
    body = "\n".join(f"<tr>{_row(line, width)}</tr>" for line in lines(table, (column,)))
    title = escape(column.label) + _superscript(column.footnotes)
    return f"<h4>{title}</h4>\n<table>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _row(line: Line, width: int) -> str:
    label = escape(line.label) + _superscript(line.marks)
    if line.kind == "heading":
        return f'<th colspan="{width}"><em>{label}</em></th>'
    if line.kind == "published":
        return f"<td><small>{label}</small></td>" + "".join(f"<td>{_published(value)}</td>" for value in line.values)
    return f"<th>{label}</th>" + "".join(f"<td>{_value(value)}</td>" for value in line.values)


def _value(value: Value) -> str:
    if value.missing:
        return DASH + _superscript(value.marks)
    tag = {1: "strong", 2: "u"}.get(value.rank or 0)
    text = f"<{tag}>{escape(value.text)}</{tag}>" if tag else escape(value.text)
    return text + (f" <small>± {escape(value.std)}</small>" if value.std else "") + _superscript(value.marks)


def _published(value: Value) -> str:
    text = f"{value.text} {value.verdict}".rstrip()
    return f"<small>{escape(text)}</small>{_superscript(value.marks)}" if text else ""


def _superscript(marks: tuple[int, ...]) -> str:
    return f"<sup>{','.join(map(str, marks))}</sup>" if marks else ""
