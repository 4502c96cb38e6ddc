"""Whether a published number is one that our runs could have given."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

__all__ = ["LEGEND", "MARKS", "Judgement", "Verdict", "judge", "prediction_interval"]

Verdict = Literal["reproduced", "above", "below", "not comparable"]

# One character each, behind the published number.
MARKS: dict[Verdict, str] = {"reproduced": "=", "above": "↑", "below": "↓", "not comparable": "?"}

# Seeds that tell how far runs scatter.
_FEWEST_SEEDS = 3
# Points on either side of the mean that are never called a difference: papers print few digits of a single run.
_LEAST_MARGIN = 1.0

LEGEND = (
    "Behind a published number: = reproduced, ↑ ours above, ↓ ours below, ? not comparable. Reproduced: it lies where "
    "one more run of ours would with a probability of 95 percent, or within 1 point of our mean. Not comparable: too "
    "few seeds (3 are needed where they differ), other data than the paper's, shorter training than by default, or a "
    "published number that cannot be true."
)


class Judgement(NamedTuple):
    """A verdict, and what stands in the way of one; empty unless ``not comparable``."""

    verdict: Verdict
    reason: str = ""


def prediction_interval(mean: float, std: float, n: int) -> tuple[float, float]:
    """Where one more run falls with a probability of 95 %: ``mean ± t s sqrt(1 + 1/n)``, at least ± 1 point.

    The published number is one run, so that it is held against the scatter of single runs and not against that of
    their mean. t is the 97.5 % quantile of Student's distribution with n - 1 degrees of freedom, which takes runs as
    draws from a normal distribution (Hahn and Meeker, "Statistical Intervals", Wiley 1991,
    doi:10.1002/9780470316771, Section 4.7).

    Parameters
    ----------
    mean, std : float
        Mean and sample standard deviation (ddof = 1) of our runs, in percent; `std` at least 0.
    n : int
        Runs behind them, at least 2, or 1 with `std` 0 for a method that gives the same every time.

    Returns
    -------
    tuple of (float, float)
        Lower and upper end, in percent.
    """
    from scipy.special import stdtrit

    margin = float(stdtrit(n - 1, 0.975)) * std * math.sqrt(1 + 1 / n) if std else 0.0
    margin = max(margin, _LEAST_MARGIN)
    return mean - margin, mean + margin


def judge(
    mean: float,
    std: float | None,
    n: int,
    published: float,
    *,
    deterministic: bool = False,
    other_data: bool = False,
    shortened: bool = False,
    impossible: bool = False,
) -> Judgement:
    """Hold our runs against a published number.

    Above and below say where ours is, whichever is better.

    Parameters
    ----------
    mean : float
        Mean of our runs, in percent.
    std : float or None
        Their sample standard deviation; None for one run.
    n : int
        Runs behind the mean, at least 1.
    published : float
        The published number, in percent, of one run.
    deterministic : bool
        Whether the method gives the same on every seed, so that one run is enough.
    other_data : bool
        Whether ours ran on other data than the paper.
    shortened : bool
        Whether ours trained for less than the method's full budget.
    impossible : bool
        Whether the published number contradicts others of its table.

    Returns
    -------
    Judgement
        ``not comparable`` with the reason; else the verdict alone.
    """
    if impossible:
        return Judgement("not comparable", "the published number cannot be true")
    if other_data:
        return Judgement("not comparable", "other data than the paper's")
    if shortened:
        return Judgement("not comparable", "shorter training than by default")
    agree = n > 1 and std == 0
    if n < _FEWEST_SEEDS and not deterministic and not agree:
        return Judgement("not comparable", f"{n} of at least {_FEWEST_SEEDS} seeds")
    low, high = prediction_interval(mean, std or 0.0, n)
    if low <= published <= high:
        return Judgement("reproduced")
    return Judgement("above" if published < low else "below")
