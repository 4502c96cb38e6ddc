"""The decomposition of least cost, for small n (Chierichetti et al., NIPS 2017)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.adapters import encode, finite_samples
from bench.errors import InvalidInputError, UnsupportedInputError

from .fairlets import Fairlets, medoids_of
from .ratio import Ratio, group_sizes

__all__ = ["check_exact", "exact_fairlets", "star_cost"]

# Distances that an assignment, and a linear programme, can hold and solve within minutes.
LARGEST_ASSIGNMENT = 25_000_000
LARGEST_PROGRAMME = 1_000_000

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


def exact_fairlets(X: ArrayLike, sensitive: ArrayLike, p: int, q: int) -> Fairlets:
    """Decompose points of two groups into (1, q)-fairlets of least cost.

    A fairlet has one point of one group and at most q of the other; what is minimised is :func:`star_cost`, the sum
    of the distances between that one point and the others, as in the minimum-cost flow of the paper. For 1:1 this is
    a minimum-cost perfect matching. Otherwise it is the cheapest set of red-blue edges that gives every point between
    1 and q of them: a flow, so the linear programme has an integral optimum, and edges between two points that both
    have another one can only be free of cost and are dropped.

    Parameters
    ----------
    X : array-like of shape (n, d), or more axes, which are flattened
        Finite points.
    sensitive : array-like of shape (n,)
        Two distinct values.
    p, q : int
        p/q must be 1/q in lowest terms, at most the Balance of the data.

    Returns
    -------
    Fairlets
        ``cost`` is the sum of distances to medoids, as of any other decomposition; for q = 1 it is the least possible,
        for q > 1 at most q times that.

    Raises
    ------
    InvalidInputError
        Bad arrays, or a ratio that the data do not allow.
    UnsupportedInputError
        Other than two groups, p > 1 in lowest terms, or too many points.

    References
    ----------
    Chierichetti, Kumar, Lattanzi and Vassilvitskii, "Fair Clustering Through Fairlets", NIPS 2017, arXiv:1802.05733.
    """
    points = finite_samples(X)
    points = points.reshape(len(points), -1)
    groups, _ = encode(sensitive, len(points), "sensitive")
    sizes = group_sizes(groups)
    ratio = Ratio.checked(p, q, sizes)
    check_exact(sizes, ratio)
    reds, blues = np.flatnonzero(groups == 0), np.flatnonzero(groups == 1)
    distances = _distances(points[reds], points[blues])
    i, j = _matching(distances) if ratio.q == 1 else _stars(distances, ratio.q)
    ids = np.empty(len(points), dtype=np.int64)
    # The end with several edges is the star's centre; its row names the fairlet.
    centre = np.where(np.bincount(i)[i] > 1, reds[i], blues[j])
    ids[reds[i]] = ids[blues[j]] = centre
    ids = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    medoids, cost = medoids_of(points, ids, groups, np.arange(len(points)))
    return Fairlets(ids, medoids, cost, ratio)


def star_cost(X: ArrayLike, sensitive: ArrayLike, ids: ArrayLike) -> float:
    """Sum of the distances between the one point of its colour in each fairlet and the other members.

    Parameters
    ----------
    X : array-like of shape (n, d), or more axes, which are flattened
        Points.
    sensitive : array-like of shape (n,)
        Two distinct values.
    ids : array-like of shape (n,)
        Fairlet of every point.

    Returns
    -------
    float

    Raises
    ------
    InvalidInputError
        If a fairlet has several points of both groups or lacks one group.
    """
    points = finite_samples(X)
    points = points.reshape(len(points), -1)
    groups, _ = encode(sensitive, len(points), "sensitive")
    fairlets, _ = encode(ids, len(points), "ids")
    counts = np.bincount(2 * fairlets + groups, minlength=2 * (fairlets.max() + 1)).reshape(-1, 2)
    if (counts.min(axis=1) != 1).any():
        raise InvalidInputError("a fairlet has not exactly one point of one group; star_cost takes (1, q)-fairlets")
    lone = groups == counts.argmin(axis=1)[fairlets]
    # In a pair both are alone: the centre is the one of the lower group, the distance is the same.
    centre = np.empty(len(counts), dtype=np.int64)
    centre[fairlets[lone]] = np.flatnonzero(lone)
    return float(np.linalg.norm(points - points[centre[fairlets]].astype(np.float64), axis=1).sum())


def check_exact(sizes: Ids, ratio: Ratio) -> None:
    """Refuse what :func:`exact_fairlets` cannot do for two groups of these `sizes`.

    Raises
    ------
    UnsupportedInputError
        p > 1, or too many points.
    """
    pairs = int(sizes[0]) * int(sizes[1])
    if ratio.p > 1:
        raise UnsupportedInputError(
            f"the exact decomposition is defined for 1:q, the ratio is {ratio.p}:{ratio.q}; "
            f"give p=1, q={-(-ratio.q // ratio.p)}, or take the tree"
        )
    limit = LARGEST_ASSIGNMENT if ratio.q == 1 else LARGEST_PROGRAMME
    if pairs > limit:
        raise UnsupportedInputError(
            f"the exact decomposition of {sizes[0]} and {sizes[1]} samples has {pairs:,} distances, more than the "
            f"{limit:,} it takes; take the tree"
        )


def _distances(left: NDArray[np.float32], right: NDArray[np.float32]) -> Floats:
    from scipy.spatial.distance import cdist

    distances: Floats = cdist(left.astype(np.float64), right.astype(np.float64))
    return distances


def _matching(distances: Floats) -> tuple[Ids, Ids]:
    from scipy.optimize import linear_sum_assignment

    i, j = linear_sum_assignment(distances)
    return i.astype(np.int64), j.astype(np.int64)


def _stars(distances: Floats, q: int) -> tuple[Ids, Ids]:
    """Cheapest red-blue edges with 1 to `q` at every point, without those that stars can do without."""
    from scipy.optimize import Bounds, LinearConstraint, milp
    from scipy.sparse import eye_array, kron, vstack

    n_red, n_blue = distances.shape
    degrees = vstack(
        [kron(eye_array(n_red), np.ones((1, n_blue))), kron(np.ones((1, n_red)), eye_array(n_blue))], format="csc"
    )
    # HiGHS has absolute tolerances.
    cost = distances.ravel() / (np.median(distances) or 1.0)
    # Without integer variables this is a linear programme; simplex ends in a vertex, and all vertices are integral.
    found = milp(cost, constraints=LinearConstraint(degrees, 1, q), bounds=Bounds(0, 1))
    if found.x is None:
        raise InvalidInputError(f"no decomposition found: {found.message}")
    i, j = np.nonzero(found.x.reshape(distances.shape) > 0.5)
    return _without_bridges(i.astype(np.int64), j.astype(np.int64))


def _without_bridges(i: Ids, j: Ids) -> tuple[Ids, Ids]:
    """Drop edges, one after the other, while both their ends have another one."""
    red, blue = np.bincount(i), np.bincount(j)
    keep = np.ones(len(i), dtype=bool)
    for edge in np.flatnonzero((red[i] > 1) & (blue[j] > 1)):
        if red[i[edge]] > 1 and blue[j[edge]] > 1:
            keep[edge] = False
            red[i[edge]] -= 1
            blue[j[edge]] -= 1
    return i[keep], j[keep]
