"""What an audit says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bench.audit.intervals import Interval

__all__ = ["Check", "Finding", "Kind", "Margin", "Report", "Settings"]

Kind = Literal["impossible", "truncated", "mark"]
Settings = Mapping[str, str | bool | float]


@dataclass(frozen=True)
class Check:
    """A place of the table where printed values bound each other.

    Parameters
    ----------
    method, dataset : str
        Row and column.
    settings : mapping
        What tells rows of one method apart.
    printed : mapping of str to float
        What is printed there, by metric key.
    implied : mapping of str to Interval
        What these say of MNCE: by ``"mnce"`` itself, ``"balance"``, and ``"nmi, f_beta"``.
    text : str
        The same as a sentence.
    """

    method: str
    dataset: str
    settings: Settings
    printed: Mapping[str, float]
    implied: Mapping[str, Interval]
    text: str


@dataclass(frozen=True)
class Finding(Check):
    """A place of the table that cannot be as printed.

    Parameters
    ----------
    kind : {"impossible", "truncated", "mark"}
        Values that contradict each other or what is possible; a value that was cut off instead of rounded; a
        highlight that disagrees with the numbers.
    suspects : tuple of str
        Metrics of which one at least is misprinted.
    settled_by : tuple of str
        Metrics that agree with each other and leave the suspects as the odd ones; empty where nothing printed
        settles it.
    """

    kind: Kind
    suspects: tuple[str, ...]
    settled_by: tuple[str, ...] = ()


@dataclass(frozen=True)
class Margin:
    """How far the best row of a column is ahead.

    Parameters
    ----------
    dataset, metric : str
        The column.
    best, second : tuple of str
        Rows with the best printed value and with the next.
    margin : float
        Difference of the two values, in the table's unit; 0 where several rows are best.
    """

    dataset: str
    metric: str
    best: tuple[str, ...]
    second: tuple[str, ...]
    margin: float


@dataclass(frozen=True)
class Report:
    """The audit of one table.

    Parameters
    ----------
    title, source : str
        Of the table.
    counts : mapping of str to int
        How many values are printed, and how many places each rule could be applied to.
    findings : tuple of Finding
        What cannot be as printed, in the order of the table's cells, marks last.
    consistent : tuple of Check
        Places where at least two intervals for MNCE meet.
    margins : tuple of Margin
        For every column with two values or more.
    """

    title: str
    source: str
    counts: Mapping[str, int]
    findings: tuple[Finding, ...]
    consistent: tuple[Check, ...]
    margins: tuple[Margin, ...]
