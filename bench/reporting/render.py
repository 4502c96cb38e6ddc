"""One way to every written form of a table."""

from __future__ import annotations

from collections.abc import Callable

from bench.errors import UnknownNameError
from bench.reporting.latex import latex_table
from bench.reporting.markdown import markdown_table
from bench.reporting.model import Table
from bench.reporting.overview import overview_table
from bench.reporting.tidy import csv_table, json_table

__all__ = ["FORMATS", "render"]

_RENDERERS: dict[str, Callable[[Table], str]] = {
    "markdown": markdown_table,
    "overview": overview_table,
    "latex": latex_table,
    "csv": csv_table,
    "json": json_table,
}

FORMATS = tuple(_RENDERERS)


def render(table: Table, format: str) -> str:  # noqa: A002
    """`table` as text; equal records give equal bytes.

    Parameters
    ----------
    table : Table
        What :func:`bench.reporting.cells.build_table` made.
    format : {"markdown", "overview", "latex", "csv", "json"}
        The form. :func:`bench.reporting.terminal.terminal_table` makes the one for terminals.

    Raises
    ------
    UnknownNameError
        For any other format.
    """
    if format not in _RENDERERS:
        raise UnknownNameError("table format", format, FORMATS)
    return _RENDERERS[format](table)
