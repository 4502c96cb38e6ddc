"""The one model of a comparison table that every renderer draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.record import Status
from bench.reporting.headers import MetricHeader
from bench.reporting.verdicts import Verdict

__all__ = ["Cell", "CellStatus", "Column", "Entry", "Row", "Table"]

CellStatus = Status | Literal["partial", "not-run", "undefined"]


@dataclass(frozen=True)
class Row:
    """A method with one choice of parameters.

    Parameters
    ----------
    name : str
        Registry name.
    label : str
        What tables print; no two rows share one.
    ranked : bool
        False for controls and the reference, which take no part in best and second best.
    published_as : str or None
        Row of the FCMI paper's Table 1.
    params : tuple of (str, str)
        Parameters that tell this row from others of the same method, as text.
    footnotes : tuple of int
        Numbers of its footnotes.
    """

    name: str
    label: str
    ranked: bool
    published_as: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    footnotes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Column:
    """A data set with one choice of parameters.

    Parameters
    ----------
    name, label, published_as, params, footnotes
        As for :class:`Row`.
    """

    name: str
    label: str
    published_as: str | None = None
    params: tuple[tuple[str, str], ...] = ()
    footnotes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Entry:
    """The runs behind one row and column.

    Parameters
    ----------
    n : int
        Seeds that ended ``ok``.
    requested : int
        Seeds asked for.
    status : str
        ``ok`` when every seed did, ``partial`` when some did, otherwise the status most of them ended with;
        ``not-run`` when none was asked for.
    reason : str
        One line for every status but ``ok``.
    footnotes : tuple of int
        Numbers of its footnotes.
    """

    n: int
    requested: int
    status: CellStatus
    reason: str
    footnotes: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cell:
    """One metric of one row and column.

    Parameters
    ----------
    method, dataset, metric : str
        Registry names and metric key.
    mean, std : float or None
        Over the seeds that ended ``ok``, in percent (a count as it is); `std` is the sample standard
        deviation (ddof = 1), None for fewer than two seeds.
    n : int
        Seeds in the mean.
    requested : int
        Seeds asked for.
    published : float or None
        What the paper prints, in percent.
    status : str
        That of the entry, or ``undefined`` where the metric has no value on this data.
    reason : str
        One line for every status but ``ok``.
    rank : {1, 2} or None
        1 for the best and 2 for the second best of the ranked rows at printed precision; ties share a rank.
    footnotes : tuple of int
        Numbers of the footnotes that explain a missing mean.
    published_footnotes : tuple of int
        Numbers of the footnotes on the published value: what is known to be wrong with it.
    verdict : {"reproduced", "above", "below", "not comparable"} or None
        Ours against the published value, see :func:`bench.reporting.verdicts.judge`; None where one is missing.
    verdict_reason : str
        Why they do not compare; empty where they do.
    by_seed : tuple of (int, float)
        Each seed in the mean and its value, in percent.
    """

    method: str
    dataset: str
    metric: str
    mean: float | None
    std: float | None
    n: int
    requested: int
    published: float | None
    status: CellStatus
    reason: str
    rank: int | None = None
    footnotes: tuple[int, ...] = ()
    published_footnotes: tuple[int, ...] = ()
    verdict: Verdict | None = None
    verdict_reason: str = ""
    by_seed: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Table:
    """A comparison of methods over data sets.

    Parameters
    ----------
    rows : tuple of Row
        Ranked rows first, then the controls and the reference.
    columns : tuple of Column
        Data sets.
    metrics : tuple of MetricHeader
        Metrics under every data set.
    entries : mapping of (Row, Column) to Entry
        Runs behind every place.
    cells : mapping of (Row, Column, str) to Cell
        Numbers by row, column and metric key.
    footnotes : tuple of str
        Number i is ``footnotes[i - 1]``.
    runs : tuple of str
        What was run: one line a row, and one for each data set with parameters; or one a data set.
    caption : str
        How to read the numbers.
    source : str
        Citation of the published numbers shown; empty when there are none.
    head : tuple of str
        What stands above it: how it was made, and from which runs.
    stub : str
        Head of the first column: what a row is.
    """

    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    metrics: tuple[MetricHeader, ...]
    entries: Mapping[tuple[Row, Column], Entry]
    cells: Mapping[tuple[Row, Column, str], Cell]
    footnotes: tuple[str, ...]
    runs: tuple[str, ...]
    caption: str
    source: str
    head: tuple[str, ...] = ()
    stub: str = "Method"
