"""The fair assignment LP, checked and brought to the form that the solvers share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import encode
from bench.errors import InvalidInputError

__all__ = ["Problem"]

Floats = NDArray[np.float64]
# Shares are quotients of counts: this far outside its bound, a share was rounded.
SHARE_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Problem:
    """Minimise sum_ij c_ij x_ij over x >= 0 with sum_j x_ij = 1 and lower_t s_j <= m_jt <= upper_t s_j.

    Here m_jt is the mass of group t in cluster j and s_j the mass of cluster j: the fair assignment LP of Bera et al.,
    "Fair Algorithms for Clustering", NeurIPS 2019. Points of the same groups share a row of `patterns`, so a price on
    every m_jt costs one gather per point.

    Parameters
    ----------
    cost : ndarray of shape (n, k), float64
        Cost of point i in cluster j.
    patterns : ndarray of shape (P, T), float64
        Distinct rows of the membership matrix. Its columns partition the points, or the last one holds them all.
    pattern : ndarray of shape (n,), int64
        Row of `patterns` of every point.
    lower, upper : ndarray of shape (T,), float64
        Bounds on the groups' shares of a cluster.
    partition : bool
        Whether every point is in exactly one group.
    """

    cost: Floats
    patterns: Floats
    pattern: NDArray[np.int64]
    lower: Floats
    upper: Floats
    partition: bool

    @classmethod
    def from_arrays(cls, cost: ArrayLike, sensitive: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Self:
        """Check what :func:`fair_assignment` was given.

        Points outside all groups get a group of their own with bounds 0 and 1. Where groups overlap, one more column
        holds all points: its mass is the cluster's size.

        Raises
        ------
        InvalidInputError
            Wrong shapes, costs that are not finite, or bounds that no assignment can meet.
        """
        costs = checked_cost(cost)
        member, names = membership(sensitive, len(costs))
        least, most = checked_bounds("lower", lower, len(names)), checked_bounds("upper", upper, len(names))
        low, high = feasible_bounds(member.mean(axis=0), least, most, names)
        partition = bool(member.sum(axis=1).max(initial=0) <= 1)
        if not partition:
            member, low, high = np.column_stack([member, np.ones(len(member))]), np.append(low, 1.0), np.append(high, 1)
        elif not member.any(axis=1).all():
            member, low, high = np.column_stack([member, 1 - member.sum(1)]), np.append(low, 0.0), np.append(high, 1.0)
        if partition:
            patterns, pattern = np.eye(member.shape[1]), member.argmax(axis=1)
        else:
            patterns, pattern = np.unique(member, axis=0, return_inverse=True)
        return cls(costs, patterns, pattern.reshape(-1).astype(np.int64), low, high, partition)

    @property
    def n_clusters(self) -> int:
        """Number of clusters k."""
        return int(self.cost.shape[1])

    @property
    def n_groups(self) -> int:
        """Number of columns of `patterns`, the added one included."""
        return int(self.patterns.shape[1])

    @property
    def size_weights(self) -> Floats:
        """Weights e with s_j = sum_t e_t m_jt."""
        return np.ones(self.n_groups) if self.partition else np.eye(self.n_groups)[-1]

    @property
    def overlap(self) -> int:
        """Most groups that one point is in, written Delta in the paper."""
        return 1 if self.partition else int(self.patterns[:, :-1].sum(axis=1).max())

    def masses(self, fractional: Floats) -> Floats:
        """Mass m_jt of every group in every cluster, shape (k, T), of an assignment of shape (n, k)."""
        by_pattern = np.stack(
            [np.bincount(self.pattern, column, minlength=len(self.patterns)) for column in fractional.T]
        )
        mass: Floats = by_pattern @ self.patterns
        return mass

    def violation(self, mass: Floats) -> float:
        """Largest amount, in points, by which the masses (k, T) miss a bound."""
        size = (mass @ self.size_weights)[:, None]
        return float(max(0.0, np.max(mass - self.upper * size), np.max(self.lower * size - mass)))

    def scaled(self) -> tuple[Self, Floats, float]:
        """The same problem with every point's lowest cost taken off and a median difference of 1.

        Solvers' tolerances are absolute, so costs of any size have to be brought to theirs.

        Returns
        -------
        problem : Problem
            With costs (c_ij - offset_i) / scale.
        offset : ndarray of shape (n,)
            Lowest cost of every point.
        scale : float
            What the differences were divided by.
        """
        offset = self.cost.min(axis=1)
        rest = self.cost - offset[:, None]
        positive = rest[rest > 0]
        scale = float(np.median(positive)) if positive.size else 1.0
        return replace(self, cost=rest / scale), offset, scale

    def sample(self, rows: NDArray[np.int64]) -> Self:
        """The problem on some points, its bounds widened to the shares they have, so that it is feasible."""
        share = self.patterns[self.pattern[rows]].mean(axis=0)
        return replace(
            self,
            cost=self.cost[rows],
            pattern=self.pattern[rows],
            lower=np.minimum(self.lower, share),
            upper=np.maximum(self.upper, share),
        )


def checked_cost(cost: ArrayLike) -> Floats:
    """`cost` as a finite matrix with at least one point and one cluster."""
    costs = np.asarray(cost, dtype=np.float64)
    if costs.ndim != 2 or costs.size == 0:
        raise InvalidInputError(f"cost has shape {costs.shape}; it takes (points, clusters), at least one of each")
    if not np.isfinite(costs).all():
        raise InvalidInputError("cost holds NaN or infinite values; give finite costs, large ones where need be")
    return costs


def membership(sensitive: ArrayLike, n: int) -> tuple[Floats, tuple[str, ...]]:
    """Membership matrix (n, T) of 0 and 1, and the groups' names."""
    array: NDArray[Any] = np.asarray(sensitive)
    if array.ndim != 2:
        groups, values = encode(sensitive, n, "sensitive")
        return np.eye(len(values))[groups], tuple(str(value) for value in values)
    if len(array) != n or array.shape[1] == 0 or not np.isin(array, (0, 1)).all():
        raise InvalidInputError(
            f"sensitive has shape {array.shape}; as a matrix it takes 0 and 1, a row for each of the {n} points and "
            "a column for each group"
        )
    return array.astype(np.float64), tuple(str(t) for t in range(array.shape[1]))


def checked_bounds(name: str, bounds: ArrayLike, n_groups: int) -> Floats:
    """`bounds` as one number for each group."""
    values = np.asarray(bounds, dtype=np.float64)
    if values.shape not in ((), (n_groups,)) or np.isnan(values).any():
        raise InvalidInputError(
            f"{name} has shape {values.shape}; it takes one share for each of the {n_groups} groups"
        )
    return np.broadcast_to(values, (n_groups,)).copy()


def feasible_bounds(share: Floats, lower: Floats, upper: Floats, names: Sequence[str]) -> tuple[Floats, Floats]:
    """`lower` and `upper` cut to [0, 1], if an assignment meets them.

    Sizes of clusters are free, so one exists exactly where every group's share of all points is within its bounds:
    giving every cluster the same mixture meets them, and the bounds summed over clusters ask for it.

    Raises
    ------
    InvalidInputError
        Naming the first group whose share of the data is outside its bounds.
    """
    for t, name in enumerate(names):
        if not lower[t] - SHARE_TOLERANCE <= share[t] <= upper[t] + SHARE_TOLERANCE:
            raise InvalidInputError(
                f"group {name} is {share[t]:.6g} of the data, outside its bounds {lower[t]:.6g} to {upper[t]:.6g}: "
                "no assignment can give every cluster such a share; give bounds around the share in the data"
            )
    return np.clip(lower, 0, share), np.clip(upper, share, 1)
