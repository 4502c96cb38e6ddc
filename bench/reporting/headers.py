"""How a metric is headed, in which direction it is better, and how its values are printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.errors import UnknownNameError
from bench.metrics.evaluation import METRICS, Direction

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

_KNOWN = {
    key: MetricHeader(key, metric.title, _LATEX.get(key, ""), metric.direction, metric.unit)
    for key, metric in METRICS.items()
}


def select_headers(keys: Sequence[str], recorded: Iterable[str]) -> tuple[MetricHeader, ...]:
    """Heads of the metrics that `keys` asks for, in that order.

    Parameters
    ----------
    keys : sequence of str
        Metric keys.
    recorded : iterable of str
        Metric keys that the records hold, known here or not.

    Raises
    ------
    UnknownNameError
        If a key is neither known nor recorded.
    """
    allowed = {*_KNOWN, *recorded}
    for key in keys:
        if key not in allowed:
            raise UnknownNameError("metric", key, allowed)
    # A metric that nobody described has no known direction and ranks nothing.
    return tuple(_KNOWN.get(key, MetricHeader(key, key.upper())) for key in dict.fromkeys(keys))


def printed(value: float) -> str:
    """`value` as tables print it: one decimal, and no minus before a zero."""
    text = f"{value:.1f}"
    return "0.0" if text == "-0.0" else text
