"""The table as a LaTeX document that compiles as it stands."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from bench.reporting.latex_text import escape
from bench.reporting.layout import Line, Value, blocks, lines
from bench.reporting.model import Column, Table

__all__ = ["latex_table"]

# As many data sets side by side as the paper's Table 1 has.
_BLOCK = 3


@dataclass(frozen=True)
class _Block:
    """What the template needs of one tabular, every part ready to typeset."""

    spec: str
    heads: str
    rules: str
    metrics: str
    body: list[str]


def latex_table(table: Table) -> str:
    """`table` as a complete LaTeX document; best in bold, second best underlined, published numbers small.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    """
    import jinja2

    # LaTeX is full of braces and percent signs, so the template marks its own parts otherwise. What goes in is
    # escaped for LaTeX; jinja2's own escaping is HTML's.
    environment = jinja2.Environment(  # noqa: S701
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    template = (files("bench.reporting") / "templates" / "table.tex").read_text(encoding="utf-8")
    return environment.from_string(template).render(
        blocks=[_block(table, columns) for columns in blocks(table, _BLOCK)],
        head=[escape(line) for line in table.head],
        caption=escape(table.caption),
        source=escape(table.source),
        footnotes=[escape(note) for note in table.footnotes],
        runs=[escape(line) for line in table.runs],
    )


def _block(table: Table, columns: tuple[Column, ...]) -> _Block:
    width = len(table.metrics) + 1
    starts = [2 + i * width for i in range(len(columns))]
    heads = [rf"\multicolumn{{{width}}}{{c}}{{{escape(c.label)}{_marks(c.footnotes)}}}" for c in columns]
    names = [header.latex or escape(header.title) for header in table.metrics]
    return _Block(
        spec="l" + ("r" * width) * len(columns),
        heads=" & ".join(["", *heads]),
        rules=" ".join(rf"\cmidrule(lr){{{start}-{start + width - 1}}}" for start in starts),
        metrics=" & ".join([escape(table.stub), *[*names, "$n$"] * len(columns)]),
        body=[_line(line, 1 + width * len(columns)) for line in lines(table, columns)],
    )


def _line(line: Line, width: int) -> str:
    if line.kind == "heading":
        return rf"\midrule \multicolumn{{{width}}}{{l}}{{\emph{{{escape(line.label)}}}}} \\"
    if line.kind == "published":
        cells = [rf"{{\tiny {v.text}{_verdict(v)}{_marks(v.marks)}}}" if v.text else "" for v in line.values]
        return " & ".join([rf"\quad{{\tiny {escape(line.label)}}}", *cells]) + r" \\"
    return " & ".join([escape(line.label) + _marks(line.marks), *map(_value, line.values)]) + r" \\"


def _value(value: Value) -> str:
    if value.missing:
        return "--" + _marks(value.marks)
    text = {1: rf"\textbf{{{value.text}}}", 2: rf"\underline{{{value.text}}}"}.get(value.rank or 0, value.text)
    return text + (rf"{{\tiny $\pm${value.std}}}" if value.std else "") + _marks(value.marks)


def _verdict(value: Value) -> str:
    return f"\\,{escape(value.verdict)}" if value.verdict else ""


def _marks(numbers: tuple[int, ...]) -> str:
    return f"$^{{{','.join(map(str, numbers))}}}$" if numbers else ""
