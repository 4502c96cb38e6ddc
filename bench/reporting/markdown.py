"""The table in Markdown: one block a data set, since Markdown has no heads over several columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bench.reporting.layout import DASH, Line, Value, blocks, lines
from bench.reporting.model import Column, Table

__all__ = [
    "escape",
    "footnote_lines",
    "heading_row",
    "judged",
    "markdown_table",
    "pipe_table",
    "superscript",
    "value_text",
]

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
        parts.append(footnote_lines(table, range(1, len(table.footnotes) + 1)))
    parts.append("\n".join(f"- {escape(line)}" for line in table.runs))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """`text` with Markdown's special characters taken literally, on one line."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], " ".join(text.split()))


def footnote_lines(table: Table, numbers: Iterable[int]) -> str:
    """Some footnotes of `table`, each with its number."""
    # Not a Markdown list: its numbers would be the renderer's.
    return "<br>\n".join(f"<sup>{i}</sup> {escape(table.footnotes[i - 1])}" for i in numbers)


def pipe_table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Rows under heads, as text that is not read as numbers; the first column to the left, the others to the right."""
    from tabulate import tabulate

    sides = ["left", *["right"] * (len(heads) - 1)]
    return tabulate(body, heads, tablefmt="pipe", disable_numparse=True, colalign=sides)


def heading_row(line: Line, width: int) -> list[str]:
    """A row of `width` places that only its label fills."""
    return [f"*{escape(line.label)}*", *[""] * (width - 1)]


def _block(table: Table, column: Column) -> str:
    heads = [escape(table.stub), *(escape(header.title) for header in table.metrics), "n"]
    body = [_row(line, len(heads)) for line in lines(table, (column,))]
    return f"**{escape(column.label)}**{superscript(column.footnotes)}\n\n{pipe_table(heads, body)}"


def _row(line: Line, width: int) -> list[str]:
    if line.kind == "heading":
        return heading_row(line, width)
    if line.kind == "published":
        small = [f"<sub>{judged(v)}</sub>{superscript(v.marks)}" if v.text else "" for v in line.values]
        return [f"<sub>{escape(line.label)}</sub>", *small]
    return [escape(line.label) + superscript(line.marks), *(value_text(value) for value in line.values)]


def value_text(value: Value) -> str:
    """Our number, or a dash, with its marks."""
    if value.missing:
        return DASH + superscript(value.marks)
    text = {1: f"**{value.text}**", 2: f"<u>{value.text}</u>"}.get(value.rank or 0, value.text)
    return text + (f" ±{value.std}" if value.std else "") + superscript(value.marks)


def judged(value: Value) -> str:
    """A published number, its verdict behind it."""
    return f"{value.text} {value.verdict}" if value.verdict else value.text


def superscript(marks: tuple[int, ...]) -> str:
    """Numbers of footnotes behind what they are about."""
    return f"<sup>{','.join(map(str, marks))}</sup>" if marks else ""
