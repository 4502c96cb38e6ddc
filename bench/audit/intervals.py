"""What a printed number stands for."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

__all__ = ["Interval", "common", "decimals_of", "rounded", "truncated"]

# Far below the last digit of any table, far above rounding of floating-point numbers.
_SLACK = 1e-9


class Interval(NamedTuple):
    """All numbers from `low` to `high`, both included; empty where `low` exceeds `high`."""

    low: float
    high: float

    @property
    def empty(self) -> bool:
        """Whether no number is in it."""
        return self.low > self.high + _SLACK


def common(intervals: Iterable[Interval]) -> Interval:
    """What all of `intervals` share; everything if there are none.

    Examples
    --------
    >>> common([Interval(0, 2), Interval(1, 3)])
    Interval(low=1, high=2)
    >>> common([Interval(0, 1), Interval(2, 3)]).empty
    True
    """
    return reduce(
        lambda a, b: Interval(max(a.low, b.low), min(a.high, b.high)), intervals, Interval(-float("inf"), float("inf"))
    )


def decimals_of(value: float) -> int:
    """Return how many decimals `value` has at least; zeros at its end are not known.

    Examples
    --------
    >>> decimals_of(94.5), decimals_of(94.0), decimals_of(67.63)
    (1, 0, 2)
    """
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    return max(-int(exponent), 0)


def rounded(value: float, decimals: int) -> Interval:
    """Numbers that print as `value` when they are rounded.

    Examples
    --------
    >>> rounded(10.0, 0)
    Interval(low=9.5, high=10.5)
    """
    half = 0.5 * 10.0**-decimals
    return Interval(value - half, value + half)


def truncated(value: float, decimals: int) -> Interval:
    """Numbers at least 0 that print as `value` when further digits are cut off.

    Examples
    --------
    >>> truncated(10.0, 0)
    Interval(low=10.0, high=11.0)
    """
    return Interval(value, value + 10.0**-decimals)
