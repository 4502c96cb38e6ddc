"""From labels to the metrics that a record holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.metrics import evaluate
from bench.metrics.custom import CustomMetric, measure
from bench.record import RunSpec

__all__ = ["score"]


def score(
    spec: RunSpec,
    labels: NDArray[np.integer],
    *,
    y: NDArray[Any] | None,
    sensitive: NDArray[Any],
    k: int,
    custom: Iterable[CustomMetric] = (),
) -> dict[str, float | None]:
    """Metrics of the labels of one run; None where a metric is undefined, since JSON knows no NaN.

    Parameters
    ----------
    spec : RunSpec
        The run; clusters are counted against the number that the method was asked for.
    labels : ndarray of shape (n,), int
        Clusters.
    y, sensitive : ndarray of shape (n,)
        Classes, if there are any, and groups.
    k : int
        Number of clusters that the data ask for, where the method was not told another.
    custom : iterable of CustomMetric
        Metrics of the user's own.
    """
    n_clusters = spec.method_params.get("n_clusters", k)
    scores = evaluate(y, labels, sensitive, n_clusters=n_clusters)
    scores |= measure(custom, y=y, labels=labels, groups=sensitive, n_clusters=n_clusters)
    return {name: None if value != value else value for name, value in scores.items()}
