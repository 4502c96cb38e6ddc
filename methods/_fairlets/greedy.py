"""Fairlets of a balanced set without regard to distance (Chierichetti et al., NIPS 2017, Lemma 3)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ratio import Ratio
from .segments import rank_within

__all__ = ["Plan", "greedy_fairlets", "plan_fairlets"]


class Plan(NamedTuple):
    """How many fairlets of each shape every set is cut into; all arrays of shape (m,), int64."""

    full: NDArray[np.int64]
    odd_large: NDArray[np.int64]
    odd_small: NDArray[np.int64]
    pairs: NDArray[np.int64]

    @property
    def total(self) -> NDArray[np.int64]:
        """Fairlets of every set."""
        return self.full + (self.odd_large > 0) + self.pairs


def plan_fairlets(counts: NDArray[np.int64], ratio: Ratio) -> Plan:
    """Cut balanced sets into fairlets of at most p + q points.

    Fairlets of q:p while the surplus of the larger colour is at least q - p; one odd fairlet for the surplus that is
    left, with as few of the smaller colour as it can do with; then pairs.

    Parameters
    ----------
    counts : ndarray of shape (m, 2), int64
        Points of each colour; balanced.
    ratio : Ratio
        p:q.

    Returns
    -------
    Plan
    """
    small, surplus = counts.min(axis=1), np.abs(counts[:, 0] - counts[:, 1])
    step = ratio.q - ratio.p
    if step == 0:
        nothing = np.zeros_like(small)
        return Plan(nothing, nothing, nothing, small)
    full, left = surplus // step, surplus % step
    odd_small = -(-left * ratio.p // step)
    return Plan(full, left + odd_small, odd_small, small - full * ratio.p - odd_small)


def greedy_fairlets(sets: NDArray[np.int64], colours: NDArray[np.int64], ratio: Ratio) -> tuple[NDArray[np.int64], int]:
    """Fairlet ids of points that lie in several balanced sets, in the order given.

    Parameters
    ----------
    sets : ndarray of shape (n,), int64
        Set of every point: any ids.
    colours : ndarray of shape (n,), int64
        Group of every point, 0 or 1.
    ratio : Ratio
        p:q.

    Returns
    -------
    ids : ndarray of shape (n,), int64
        Fairlet of every point, from 0.
    count : int
        Number of fairlets.
    """
    _, sets = np.unique(sets, return_inverse=True)
    counts = np.bincount(2 * sets + colours, minlength=2 * (sets.max(initial=-1) + 1)).reshape(-1, 2)
    plan = plan_fairlets(counts, ratio)
    large = (colours == counts.argmax(axis=1)[sets]).astype(np.int64)
    size = np.where(large, ratio.q, ratio.p)
    rank = rank_within(2 * sets + colours)
    full = plan.full[sets]
    odd = np.where(large, plan.odd_large[sets], plan.odd_small[sets])
    beyond = rank - full * size
    pair = full + (odd > 0) + beyond - odd
    within = np.where(beyond < 0, rank // size, np.where(beyond < odd, full, pair))
    first = np.cumsum(plan.total) - plan.total
    return first[sets] + within, int(plan.total.sum())
