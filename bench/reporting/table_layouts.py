"""The layouts of published tables: which of our runs belong into which row and column, as TOML files."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from itertools import product
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.errors import UnknownNameError

__all__ = ["LayoutColumn", "LayoutRow", "TableLayout", "layout_names", "table_layout"]

_FOLDER = "layouts"


class LayoutRow(BaseModel):
    """One row, or with `vary` one for every combination of parameters.

    Parameters
    ----------
    label : str
        What the table prints; with `vary`, ``{name}`` stands for a value.
    params, data : dict
        Parameters of the method and of the data set that the row's runs have; others are the same in all rows.
    vary : dict
        Parameters of the method with several values each.
    published : str
        Row of the published table; empty where it has none.
    settings : dict
        Settings of the published cells.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    params: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    vary: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    published: str = ""
    settings: dict[str, str | bool | float] = Field(default_factory=dict)

    def rows(self) -> list[LayoutRow]:
        """The row for every combination of the varied parameters, each of which is then fixed."""
        combinations = [dict(zip(self.vary, values, strict=True)) for values in product(*self.vary.values())]
        return [
            self.model_copy(
                update={"label": self.label.format(**chosen), "params": {**self.params, **chosen}, "vary": {}}
            )
            for chosen in combinations
        ]


class LayoutColumn(BaseModel):
    """One data set.

    Parameters
    ----------
    dataset : str
        Registry name.
    params : dict
        Parameters that it has in all runs of the table.
    published : str
        Column of the published table; empty for a data set of ours, which is shown only where it was run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    params: dict[str, Any] = Field(default_factory=dict)
    published: str = ""


class TableLayout(BaseModel):
    """How a published table is regenerated.

    Parameters
    ----------
    name : str
        File name without ending.
    title : str
        One line for listings.
    suite : str
        The suite that makes its runs; ``results/records/SUITE.jsonl`` holds them.
    table : str
        The published table, see :func:`bench.reporting.published.published_names`.
    method : str
        Registry name of the method of all rows; empty for the comparison of all methods, which needs no rows.
    metrics : tuple of str
        Metric keys in the order of the columns.
    stub : str
        Head of the first column.
    rank : bool
        Whether best and second best are marked.
    obstacle : str
        Why no verdict is possible; empty where one is.
    notes : tuple of str
        Sentences below the table.
    row : tuple of LayoutRow
        Rows in the order of the published table.
    column : tuple of LayoutColumn
        Data sets.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    suite: str
    table: str
    method: str = ""
    metrics: tuple[str, ...] = Field(min_length=1)
    stub: str = "Method"
    rank: bool = True
    obstacle: str = ""
    notes: tuple[str, ...] = ()
    row: tuple[LayoutRow, ...] = ()
    column: tuple[LayoutColumn, ...] = ()

    @model_validator(mode="after")
    def _rows_name_the_same(self) -> Self:
        if bool(self.method) != bool(self.row) or bool(self.row) != bool(self.column):
            raise ValueError("method, row and column go together")
        if len({(frozenset(row.params), frozenset(row.data)) for row in self.rows()}) > 1:
            raise ValueError("all rows name the same parameters, so that they differ in these alone")
        return self

    @property
    def command(self) -> str:
        """What makes runs and table."""
        return f"bench run --suite {self.suite}; bench table {self.name}"

    def rows(self) -> list[LayoutRow]:
        """All rows, with varied parameters fixed."""
        return [fixed for row in self.row for fixed in row.rows()]


def layout_names() -> list[str]:
    """Names of the layouts that are there, sorted."""
    folder = files("bench.published") / _FOLDER
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


@cache
def table_layout(name: str) -> TableLayout:
    """Read one layout.

    Parameters
    ----------
    name : str
        One of :func:`layout_names`, for example ``"table2"``.

    Raises
    ------
    UnknownNameError
        If there is no such layout.
    """
    if name not in layout_names():
        raise UnknownNameError("table", name, layout_names())
    text = (files("bench.published") / _FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    return TableLayout.model_validate({"name": name, **tomllib.loads(text)})
