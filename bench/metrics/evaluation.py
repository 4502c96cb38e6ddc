"""All metrics at once, what they can reach on data, and how they are printed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.errors import InvalidInputError
from bench.metrics.contingency import contingency, ids_of
from bench.metrics.fairness import (
    balance_of,
    group_entropy_of,
    mnce_of,
)
from bench.metrics.quality import accuracy_of, ari_of, nmi_of

__all__ = ["METRICS", "Direction", "Metric", "ceilings", "empty_clusters", "evaluate", "f_measure"]


Direction = Literal["higher", "lower"]


@dataclass(frozen=True)
class Metric:
    """How a metric is printed and read.

    Parameters
    ----------
    title : str
        Column header.
    range : tuple of (float, float)
        Smallest and largest value that :func:`evaluate` can return for it.
    direction : {"higher", "lower"} or None
        Which values are better; None where neither is, so that no best value is marked.
    unit : {"percent", "count"}
        ``"percent"``: a fraction, printed times 100. ``"count"``: a whole number, printed as it is.
    paper : bool
        Whether it is one of the five metrics of the FCMI paper's tables.
    """

    title: str
    range: tuple[float, float]
    direction: Direction | None = "higher"
    unit: Literal["percent", "count"] = "percent"
    paper: bool = False


# In the order of the paper's columns, then ours.
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "acc": Metric("ACC", (0.0, 1.0), paper=True),
        "nmi": Metric("NMI", (0.0, 1.0), paper=True),
        "balance": Metric("Bal", (0.0, 1.0), paper=True),
        "mnce": Metric("MNCE", (0.0, 1.0), paper=True),
        "f_beta": Metric("F_β", (0.0, 1.0), paper=True),
        "ari": Metric("ARI", (-0.5, 1.0)),
        # High for every clustering of even sizes, fair or not, so that no value of it is best.
        "entropy": Metric("Entropy", (0.0, 1.0), direction=None),
        "empty_clusters": Metric("Empty", (0.0, math.inf), direction="lower", unit="count"),
    }
)


def evaluate(
    y_true: ArrayLike | None,
    labels: ArrayLike,
    sensitive: ArrayLike,
    *,
    beta: float = 1.0,
    n_clusters: int | None = None,
) -> dict[str, float]:
    """All metrics of the tables, from one count of the samples.

    Parameters
    ----------
    y_true : array-like of shape (n,) or None
        True classes, any values; None where there is no ground truth.
    labels : array-like of shape (n,), int
        Cluster ids, at least 0; more or fewer clusters than classes are allowed.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values; each distinct value is a group.
    beta : float
        Weight of fairness in F_beta, above 0; see :func:`f_measure`.
    n_clusters : int, optional
        Number of clusters that were asked for, which empty clusters and entropy refer to. Defaults to the number
        of classes, and without ground truth to the largest label + 1.

    Returns
    -------
    dict of str to float
        With the keys of :data:`METRICS`, in their order: ``acc`` (:func:`accuracy`), ``nmi``, ``balance``,
        ``mnce``, ``f_beta`` (:func:`f_measure` of NMI and MNCE), ``ari``, ``entropy`` (:func:`group_entropy`) and
        ``empty_clusters``. Fractions, not percent, and a count; ``ari`` alone can be negative. NaN where
        undefined: ``acc``, ``nmi``, ``ari`` and ``f_beta`` without ground truth, ``mnce`` and ``f_beta`` for
        data with one group only.

    Raises
    ------
    InvalidInputError
        A `beta` that is not positive and finite, or arrays that :func:`contingency` refuses.

    Examples
    --------
    Clusters that follow the sensitive attribute score zero on fairness however well they match the classes.

    >>> from bench.metrics import evaluate
    >>> evaluate([0, 0, 1, 1], [0, 0, 1, 1], ["f", "f", "m", "m"])  # doctest: +NORMALIZE_WHITESPACE
    {'acc': 1.0, 'nmi': 1.0, 'balance': 0.0, 'mnce': 0.0, 'f_beta': 0.0, 'ari': 1.0, 'entropy': 0.0,
     'empty_clusters': 0.0}
    """
    _check_beta(beta)
    counts = contingency(y_true, labels, sensitive, n_clusters=n_clusters)
    if n_clusters is None:
        n_clusters = counts.shape[1] if y_true is None else counts.shape[0]
    acc, information, rand = (
        (math.nan,) * 3 if y_true is None else (accuracy_of(counts), nmi_of(counts), ari_of(counts))
    )
    fairness = mnce_of(counts)
    return {
        "acc": acc,
        "nmi": information,
        "balance": balance_of(counts),
        "mnce": fairness,
        "f_beta": f_measure(information, fairness, beta),
        "ari": rand,
        "entropy": group_entropy_of(counts, n_clusters),
        "empty_clusters": float(_empty_clusters_of(counts, n_clusters)),
    }


def ceilings(y_true: ArrayLike | None, sensitive: ArrayLike, *, beta: float = 1.0) -> dict[str, float]:
    """What the true labels score on data, and the highest Balance that any clustering of it can have.

    The true labels are a reference, not an upper bound: fairness of a clustering, and F_beta with it, can exceed
    theirs where classes hold the groups in unequal proportions. The Balance ceiling is a bound: some cluster
    holds the smallest group in no larger proportion to the largest than the data do.

    Parameters
    ----------
    y_true : array-like of shape (n,) or None
        True classes, any values; None where there is no ground truth.
    sensitive : array-like of shape (n,)
        Sensitive attribute, any values.
    beta : float
        Weight of fairness in F_beta, above 0.

    Returns
    -------
    dict of str to float
        The keys of :func:`evaluate` for the true labels, NaN without ground truth, and ``balance_ceiling``:
        ``min_t N_t / max_t N_t`` over the sizes N_t of the groups, in (0, 1].

    Raises
    ------
    InvalidInputError
        As :func:`evaluate`.

    Examples
    --------
    Each class has its own proportions, so the true labels are less balanced than the data.

    >>> from bench.metrics import ceilings
    >>> scores = ceilings(["cat", "cat", "cat", "dog", "dog", "dog"], ["f", "m", "m", "f", "f", "m"])
    >>> scores["balance"], scores["balance_ceiling"]
    (0.5, 1.0)
    """
    groups = ids_of(sensitive, "sensitive")
    if y_true is None:
        _check_beta(beta)
        scores = dict.fromkeys(METRICS, math.nan)
    else:
        classes = ids_of(y_true, "y_true")
        scores = evaluate(classes, classes, groups, beta=beta)
    sizes = np.bincount(groups)
    return {**scores, "balance_ceiling": float(sizes.min() / sizes.max())}


def f_measure(nmi: float, mnce: float, beta: float = 1.0) -> float:
    """F_beta: weighted harmonic mean of clustering quality and fairness.

    ``F_beta = (1 + beta^2) u v / (beta^2 u + v)`` with u = NMI and v = MNCE: Equation 15 of the FCMI paper [1]_,
    whose tables use beta = 1.

    Parameters
    ----------
    nmi, mnce : float
        Quality and fairness, at least 0, both as fractions or both in percent.
    beta : float
        Above 0. Larger values weigh fairness more.

    Returns
    -------
    float
        Between `nmi` and `mnce`, on their scale; higher is better. 0 where one of them is 0, both included; NaN
        where one of them is NaN.

    Raises
    ------
    InvalidInputError
        A negative metric, or a `beta` that is not positive and finite.

    References
    ----------
    .. [1] P. Zeng et al. Deep fair clustering via maximizing and minimizing mutual information. CVPR 2023,
       Definition 3. DOI 10.48550/arXiv.2209.12396.

    Examples
    --------
    Perfect fairness does not make up for a clustering that says nothing.

    >>> from bench.metrics import f_measure
    >>> f_measure(0.0, 1.0)
    0.0
    >>> f_measure(0.0, 0.0)
    0.0
    >>> round(f_measure(0.5, 1.0, beta=2), 3)
    0.833
    """
    _check_beta(beta)
    if math.isnan(nmi) or math.isnan(mnce):
        return math.nan
    if nmi < 0 or mnce < 0:
        raise InvalidInputError(f"nmi={nmi} and mnce={mnce} given; F_beta takes metrics of at least 0")
    if nmi == 0 or mnce == 0:
        return 0.0
    # The first form of Equation 15: it stays finite for every finite beta.
    quality_weight = 1.0 / (1.0 + beta * beta)
    mean = 1.0 / ((1.0 - quality_weight) / mnce + quality_weight / nmi)
    return min(max(mean, min(nmi, mnce)), max(nmi, mnce))


def empty_clusters(labels: ArrayLike, *, n_clusters: int | None = None) -> int:
    """Return how many of the clusters that were asked for hold no sample.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.
    n_clusters : int, optional
        Number of clusters that were asked for. Defaults to the largest label + 1.

    Returns
    -------
    int
        `n_clusters` minus the number of clusters in use, and 0 where more are in use than were asked for.

    Raises
    ------
    InvalidInputError
        See :func:`contingency`.

    Examples
    --------
    Cluster 0 is empty, and so are the last two of five.

    >>> from bench.metrics import empty_clusters
    >>> empty_clusters([1, 1, 2])
    1
    >>> empty_clusters([1, 1, 2], n_clusters=5)
    3
    """
    counts = contingency(None, labels, None, n_clusters=n_clusters)
    return _empty_clusters_of(counts, counts.shape[1] if n_clusters is None else n_clusters)


def _empty_clusters_of(counts: NDArray[np.int64], n_clusters: int) -> int:
    used = int(np.count_nonzero(counts.any(axis=(0, 2))))
    return max(n_clusters - used, 0)


def _check_beta(beta: float) -> None:
    if not 0 < beta < math.inf:
        raise InvalidInputError(f"beta={beta} given; it takes a number above 0, and 1 weighs both sides equally")
