"""The table in Markdown: one block a data set, since Markdown has no heads over several columns."""

from __future__ import annotations

import re

from bench.reporting.layout import DASH, Line, Value, blocks, lines
from bench.reporting.model import Column, Table

__all__ = ["markdown_table"]

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]|(?<!\w)_|_(?!\w)|&(?=#?\w+;)")


def markdown_table(table: Table) -> str:
    """`table` as GitHub-flavoured Markdown; best in bold, second best in ``<u>``.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    parts = ["<br>\n".join(escape(line) for line in table.head)] if table.head else []
    parts += [_block(table, column) for (column,) in blocks(table, 1)]
    parts.append(escape(table.caption))
    if table.source:
        parts.append(f"Published: {escape(table.source)}")
    if table.footnotes:
        # Not a Markdown list: its numbers would be the renderer's.
        parts.append("<br>\n".join(f"<sup>{i}</sup> {escape(note)}" for i, note in enumerate(table.footnotes, start=1)))
    parts.append("\n".join(f"- {escape(line)}" for line in table.runs))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` with Markdown's special characters taken literally, on one line."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], " ".join(text.split()))


def _block(table: Table, column: Column) -> str:
    from tabulate import tabulate

    heads = [escape(table.stub), *(escape(header.title) for header in table.metrics), "n"]
    body = [_row(line, len(heads)) for line in lines(table, (column,))]
    drawn = tabulate(
        body, heads, tablefmt="pipe", disable_numparse=True, colalign=["left", *["right"] * (len(heads) - 1)]
    )
    return f"**{escape(column.label)}**{_superscript(column.footnotes)}\n\n{drawn}"


def _row(line: Line, width: int) -> list[str]:
    if line.kind == "heading":
        return [f"*{escape(line.label)}*", *[""] * (width - 1)]
    if line.kind == "published":
        small = [f"<sub>{_judged(v)}</sub>{_superscript(v.marks)}" if v.text else "" for v in line.values]
        return [f"<sub>{escape(line.label)}</sub>", *small]
    return [escape(line.label) + _superscript(line.marks), *(_value(value) for value in line.values)]


def _value(value: Value) -> str:
    if value.missing:
        return DASH + _superscript(value.marks)
    text = {1: f"**{value.text}**", 2: f"<u>{value.text}</u>"}.get(value.rank or 0, value.text)
    return text + (f" ±{value.std}" if value.std else "") + _superscript(value.marks)


def _judged(value: Value) -> str:
    return f"{value.text} {value.verdict}" if value.verdict else value.text


def _superscript(marks: tuple[int, ...]) -> str:
    return f"<sup>{','.join(map(str, marks))}</sup>" if marks else ""
