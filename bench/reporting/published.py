"""The papers' printed numbers, read from ``bench.published``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bench.errors import UnknownNameError

__all__ = [
    "TABLE_1",
    "PublishedCell",
    "PublishedTable",
    "lookup",
    "published_cell",
    "published_names",
    "published_table",
]

TABLE_1 = "fcmi_table1"

_PACKAGE = "bench.published"


class PublishedCell(BaseModel):
    """One printed number.

    Parameters
    ----------
    method, dataset : str
        Row and column as the paper names them.
    settings : dict
        What tells rows of one method apart, for example the losses of an ablation.
    metric : str
        Metric key: ``acc``, ``nmi``, ``balance``, ``mnce``, ``f_beta`` or one the table's notes explain.
    value : float or None
        The number in the table's unit; None for a dash.
    unit : str or None
        Unit of this cell where it is not the table's.
    printed_as : str or None
        What the paper prints, where that is not `value` itself: ``"-"`` for a dash, ``""`` for a row that
        a block of the table lacks, ``"0.548"`` for a fraction.
    mark : {"best", "second"} or None
        How the paper highlights it.
    note : str
        What is known to be wrong with it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    dataset: str
    metric: str
    value: float | None
    settings: dict[str, str | bool | float] = Field(default_factory=dict)
    unit: Literal["nats"] | None = None
    printed_as: str | None = None
    mark: Literal["best", "second"] | None = None
    note: str = ""


class PublishedTable(BaseModel):
    """A table of a paper.

    Parameters
    ----------
    title, source, doi, url : str
        Short name, full citation and where to find it.
    unit : {"percent", "count"}
        Unit of the cells that name none.
    rows : dict of str to str
        Row names in the paper's order, with what they stand for.
    columns, metrics : tuple of str
        Data sets and metric keys in the paper's order.
    copied_rows : tuple of str
        Rows that the paper copied from elsewhere instead of running them.
    group_sizes : dict of str to tuple of int
        Samples in each group by data set, where known.
    means : bool
        Whether the cells are means over several runs.
    notes : tuple of str
        What a reader must know of the table as a whole.
    cells : tuple of PublishedCell
        The numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    source: str
    doi: str
    url: str
    unit: Literal["percent", "count"]
    rows: dict[str, str]
    columns: tuple[str, ...]
    metrics: tuple[str, ...]
    copied_rows: tuple[str, ...] = ()
    group_sizes: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    means: bool = False
    notes: tuple[str, ...] = ()
    cells: tuple[PublishedCell, ...]


def published_names() -> list[str]:
    """Names of the tables that are there, sorted."""
    return sorted(entry.name.removesuffix(".json") for entry in files(_PACKAGE).iterdir() if entry.name[-5:] == ".json")


@cache
def published_table(name: str) -> PublishedTable:
    """Read one published table.

    Parameters
    ----------
    name : str
        One of :func:`published_names`, for example ``"fcmi_table1"``.

    Raises
    ------
    UnknownNameError
        If there is no such table.
    """
    if name not in published_names():
        raise UnknownNameError("published table", name, published_names())
    return PublishedTable.model_validate_json((files(_PACKAGE) / f"{name}.json").read_bytes())


def published_cell(method_row: str, dataset_column: str, metric: str) -> PublishedCell | None:
    """Cell of Table 1 of the FCMI paper (Zeng et al., CVPR 2023), with its mark and note.

    Parameters
    ----------
    method_row, dataset_column : str
        As printed, for example ``"FCMI"`` and ``"MNIST-USPS"``.
    metric : str
        Metric key, for example ``"acc"``.

    Returns
    -------
    PublishedCell or None
        None where the table has no such row, column or metric.
    """
    return _table_1_cells().get((method_row, dataset_column, metric))


def lookup(method_row: str, dataset_column: str, metric: str) -> float | None:
    """Number of :func:`published_cell`, in percent; None for a dash and where there is no such cell."""
    cell = published_cell(method_row, dataset_column, metric)
    return cell.value if cell else None


@cache
def _table_1_cells() -> dict[tuple[str, str, str], PublishedCell]:
    return {(cell.method, cell.dataset, cell.metric): cell for cell in published_table(TABLE_1).cells}
