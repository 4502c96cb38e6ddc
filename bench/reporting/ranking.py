"""Best and second best, decided on what a reader sees."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from bench.metrics.evaluation import Direction
from bench.reporting.headers import printed

__all__ = ["ranks"]

K = TypeVar("K", bound=Hashable)


def ranks(values: Mapping[K, float], direction: Direction | None) -> dict[K, int]:
    """Rank 1 for the best and 2 for the second best of `values`.

    Values that print alike share a rank, and the second best is the next value that prints differently: the
    marks of a table must agree with its digits.

    Parameters
    ----------
    values : mapping of K to float
        In the table's unit.
    direction : {"higher", "lower"} or None
        Which values are better; None ranks nothing.
    """
    if direction is None:
        return {}
    shown = {key: float(printed(value)) for key, value in values.items()}
    podium = sorted(set(shown.values()), reverse=direction == "higher")[:2]
    return {key: podium.index(value) + 1 for key, value in shown.items() if value in podium}
