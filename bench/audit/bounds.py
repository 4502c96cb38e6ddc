"""Which values of MNCE other metrics leave possible; all in percent."""

from __future__ import annotations

import math
from collections.abc import Sequence

from bench.audit.intervals import Interval

__all__ = ["balance_ceiling", "mnce_from_balance", "mnce_from_f"]

_ALL = Interval(0.0, 100.0)


def balance_ceiling(sizes: Sequence[int]) -> float:
    """Highest Balance of any clustering of groups of these sizes, in percent.

    Examples
    --------
    >>> round(balance_ceiling([60000, 7291]), 2)
    12.15
    """
    return 100.0 * min(sizes) / max(sizes)


def mnce_from_f(nmi: Interval, f_beta: Interval, *, means: bool = False) -> Interval:
    """MNCE for which the harmonic mean of `nmi` and MNCE is in `f_beta`: ``v = F u / (2 u - F)``.

    Parameters
    ----------
    nmi, f_beta : Interval
        In percent.
    means : bool
        Whether they are means over runs. The harmonic mean is concave, so that the mean of F_beta is at most the
        F_beta of the means: only the lower end holds then.

    Returns
    -------
    Interval
        Part of [0, 100]; empty where no MNCE can give such an F_beta, which cannot exceed twice the NMI.

    References
    ----------
    P. Zeng et al. Deep fair clustering via maximizing and minimizing mutual information. CVPR 2023, Equation 15.
    DOI 10.48550/arXiv.2209.12396.

    Examples
    --------
    >>> low, high = mnce_from_f(Interval(91.75, 91.85), Interval(91.95, 92.05))
    >>> round(low, 1), round(high, 1)
    (92.1, 92.4)
    """
    low = _other_side(nmi.high, f_beta.low)
    high = 100.0 if means else _other_side(nmi.low, f_beta.high)
    return Interval(low, min(high, 100.0)) if low <= 100.0 else Interval(math.inf, -math.inf)


def mnce_from_balance(balance: Interval, sizes: Sequence[int] | None, *, means: bool = False) -> Interval:
    """MNCE that clusterings of this Balance can have.

    In every cluster the smallest group is at least Balance times the largest, and exactly so in one of them. The
    first bounds the entropy of all clusters from below, the second that of one from above, and MNCE is the lowest
    entropy of a cluster over that of the data. With two groups both bounds are ``h(b / (1 + b)) / H(G)``.

    Parameters
    ----------
    balance : Interval
        In percent.
    sizes : sequence of int or None
        Sizes of the groups; where they are not known the lower end is the one that holds for any number of groups,
        that of two equal ones.
    means : bool
        Whether `balance` is a mean over runs. What holds for means: MNCE is at least Balance, for any groups, and
        with two groups it is at most that of the mean, by concavity.

    Returns
    -------
    Interval
        Part of [0, 100].

    Examples
    --------
    >>> low, high = mnce_from_balance(Interval(10.65, 10.75), [60000, 7291])
    >>> round(low, 1), round(high, 1)
    (92.3, 92.9)
    """
    low, high = (min(max(end / 100.0, 0.0), 1.0) for end in balance)
    if means:
        ceiling = _most_mixed(high, 2) / _entropy(sizes) if sizes and len(sizes) == 2 else 1.0
        return Interval(100.0 * low, 100.0 * min(ceiling, 1.0))
    if sizes is None:
        return Interval(100.0 * _least_mixed(low, 2) / math.log(2.0), 100.0)
    data = _entropy(sizes)
    least, most = _least_mixed(low, len(sizes)) / data, _most_mixed(high, len(sizes)) / data
    return Interval(100.0 * min(least, 1.0), 100.0 * min(most, 1.0))


def _other_side(side: float, mean: float) -> float:
    """The number whose harmonic mean with `side` is `mean`; infinite where no number is large enough."""
    if mean <= 0.0:
        return 0.0
    return side * mean / (2.0 * side - mean) if 2.0 * side > mean else math.inf


def _least_mixed(ratio: float, n_groups: int) -> float:
    """Lowest entropy of shares whose smallest is at least `ratio` times the largest.

    Entropy is concave, so that the lowest is at a corner: some groups are large, and all others as small as they
    may be.
    """
    return min(_entropy([1.0] * large + [ratio] * (n_groups - large)) for large in range(1, n_groups))


def _most_mixed(ratio: float, n_groups: int) -> float:
    """Highest entropy of shares whose smallest is `ratio` times the largest.

    One group is large, one small; the others are alike, and where the derivative of the entropy is zero their share
    is ``ratio ** (ratio / (1 + ratio))`` times the largest.
    """
    between = ratio ** (ratio / (1.0 + ratio))
    return _entropy([1.0, ratio] + [between] * (n_groups - 2))


def _entropy(weights: Sequence[float]) -> float:
    """Entropy, in nats, of shares proportional to `weights`."""
    total = math.fsum(weights)
    # A difference from zero, as a plain minus sign would give -0.0.
    return 0.0 - math.fsum(weight / total * math.log(weight / total) for weight in weights if weight > 0)
