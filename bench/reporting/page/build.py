"""From records to the page."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bench.harmless import for_terminal
from bench.lineage import Trace, trace
from bench.lineage_model import Variant
from bench.lineage_text import Grid, Section, heading, parts
from bench.records import Records, latest
from bench.registry import Registry
from bench.reporting.headers import MetricHeader, printed
from bench.reporting.model import Cell, Column, Entry, Row
from bench.reporting.page.facts import DatasetCard, dataset_card, failures, provenance
from bench.reporting.page.pictures import pictures
from bench.reporting.plots.runs import Catalogue
from bench.reporting.verdicts import MARKS

if TYPE_CHECKING:
    import jinja2

__all__ = ["report_page"]


@dataclass(frozen=True)
class _Line:
    """One method on one data set."""

    number: int
    row: Row
    entry: Entry
    cells: tuple[tuple[MetricHeader, Cell], ...]
    traced: bool


@dataclass(frozen=True)
class _Block:
    """One data set: its table, ranked rows and the others, and its card."""

    number: int
    column: Column
    groups: tuple[tuple[_Line, ...], ...]
    card: DatasetCard


@dataclass(frozen=True)
class _Story:
    """What is told of one place of a table."""

    row: int
    column: int
    names: tuple[str, str]
    heading: str
    parts: tuple[Grid | Section, ...]


def report_page(store: Records, registry: Registry) -> str:
    """Everything that is to be said of the records in `store`, as one HTML document.

    It holds its style, its script and its figures, and a content security policy under which nothing else runs and
    nothing is loaded; links lead to DOIs. Without JavaScript it is a page of tables whose numbers lead to their runs.
    Equal records, equal bytes, as long as adapters, and matplotlib for the figures, are the same.

    Parameters
    ----------
    store : Records
        Where the records are kept.
    registry : Registry
        What says what adapters are there; records of those that are gone are shown with less to say.

    Raises
    ------
    ResultsError
        Without records.
    """
    records = list(store)
    traced = trace(store, records, registry)
    current = latest(records)
    catalogue = Catalogue(traced.methods, traced.datasets, traced.defaults, traced.dataset_defaults)
    script, style = _source("report.js"), _source("report.css")
    page = (
        _environment()
        .get_template("report.html")
        .render(
            table=traced.table,
            blocks=list(_blocks(traced)),
            stories=list(_stories(traced)),
            pictures=pictures(current, catalogue),
            failures=failures(traced),
            provenance=provenance(current, len(records)),
            families=[_family(traced, row) for row in traced.table.rows],
            script=script,
            style=style,
            policy=_policy(script, style),
        )
    )
    return for_terminal(page)


def _blocks(traced: Trace) -> Iterator[_Block]:
    for number, column in enumerate(traced.table.columns):
        lines = [_line(traced, index, row, column) for index, row in enumerate(traced.table.rows)]
        groups = (tuple(line for line in lines if line.row.ranked is ranked) for ranked in (True, False))
        yield _Block(number, column, tuple(groups), dataset_card(traced, column))


def _line(traced: Trace, number: int, row: Row, column: Column) -> _Line:
    table = traced.table
    return _Line(
        number=number,
        row=row,
        entry=table.entries[row, column],
        cells=tuple((header, table.cells[row, column, header.key]) for header in table.metrics),
        traced=(row, column) in traced.variants,
    )


def _family(traced: Trace, row: Row) -> str:
    info = traced.methods.get(row.name)
    return info.family if info else "unknown"


def _stories(traced: Trace) -> Iterator[_Story]:
    rows = {row: number for number, row in enumerate(traced.table.rows)}
    columns = {column: number for number, column in enumerate(traced.table.columns)}
    for (row, column), variant in traced.variants.items():
        said = _portable(variant)
        names = row.name, column.name
        yield _Story(rows[row], columns[column], names, heading(said), tuple(parts(said)))


def _portable(variant: Variant) -> Variant:
    """`variant` with logs named within the results folder: the page is passed on, and the folder may lie anywhere."""
    runs, earlier = (
        tuple(replace(run, log="/".join(Path(run.log).parts[-2:])) for run in held)
        for held in (variant.runs, variant.earlier)
    )
    return replace(variant, runs=runs, earlier=earlier)


def _policy(script: str, style: str) -> str:
    """Only this script and this style run, whatever a name in a record may hold; images are part of the page."""
    allowed = {
        "default-src": "'none'",
        "img-src": "data:",
        "script-src": _hashed(script),
        "style-src": _hashed(style),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _hashed(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _source(name: str) -> str:
    return (files("bench.reporting") / "templates" / name).read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_source),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(printed=printed, address=_address, pieces=_pieces)
    environment.globals.update(MARKS=MARKS)
    environment.tests.update(grid=_is_grid)
    return environment


def _is_grid(part: Any) -> bool:
    return isinstance(part, Grid)


def _pieces(text: str) -> list[str]:
    """`text` cut after the punctuation of parameters, where it may go on in the next line."""
    return re.split(r"(?<=[_=,])", text)


def _address(text: str) -> str:
    """Where a DOI leads; empty for an identifier of another kind."""
    return f"https://doi.org/{quote(text, safe='/:;()._-')}" if text.startswith("10.") else ""
