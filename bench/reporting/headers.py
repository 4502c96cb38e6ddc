"""How a metric is headed, in which direction it is better, and how its values are printed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from bench.errors import UnknownNameError
from bench.metrics.custom import CustomMetric
from bench.metrics.evaluation import METRICS, Direction, Metric

__all__ = ["PAPER_METRICS", "MetricHeader", "printed", "select_headers"]

PAPER_METRICS = tuple(key for key, metric in METRICS.items() if metric.paper)


@dataclass(frozen=True)
class MetricHeader:
    """Head of a metric's columns.

    Parameters
    ----------
    key : str
        Metric key in the records.
    title : str
        Head in text.
    latex : str
        Head in LaTeX, ready to typeset; empty where the title serves.
    direction : {"higher", "lower"} or None
        Which values are better; None for a metric that ranks nothing.
    unit : {"percent", "count"}
        Records hold fractions for the first, and plain numbers for the second.
    """

    key: str
    title: str
    latex: str = ""
    direction: Direction | None = None
    unit: Literal["percent", "count"] = "percent"

    @property
    def scale(self) -> float:
        """Factor from a record's value to the table's."""
        return 100.0 if self.unit == "percent" else 1.0


_LATEX = {"f_beta": r"$F_\beta$"}


def select_headers(
    keys: Sequence[str], recorded: Iterable[str], custom: Mapping[str, CustomMetric] = MappingProxyType({})
) -> tuple[MetricHeader, ...]:
    """Heads of the metrics that `keys` asks for, in that order.

    Parameters
    ----------
    keys : sequence of str
        Metric keys.
    recorded : iterable of str
        Metric keys that the records hold, known here or not.
    custom : mapping of str to CustomMetric
        Metrics of the user's own, by key.

    Raises
    ------
    UnknownNameError
        If a key is neither known nor recorded.
    """
    known = {**METRICS, **{key: held.about for key, held in custom.items()}}
    allowed = {*known, *recorded}
    for key in keys:
        if key not in allowed:
            raise UnknownNameError("metric", key, allowed)
    return tuple(_header(key, known.get(key)) for key in dict.fromkeys(keys))


def _header(key: str, about: Metric | None) -> MetricHeader:
    if about is None:
        # A metric that nobody described has no known direction and ranks nothing.
        return MetricHeader(key, key.upper())
    return MetricHeader(key, about.title, _LATEX.get(key, ""), about.direction, about.unit)


def printed(value: float) -> str:
    """`value` as tables print it: one decimal, and no minus before a zero."""
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text
