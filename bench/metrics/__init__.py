"""The metrics: how well clusters match the classes, how fairly they mix the groups, and both at once.

All are functions of one array, the samples counted by class, cluster and group. :func:`evaluate` counts once and
returns the metrics of the tables; every metric is also a function of its own, in scikit-learn's style.
:data:`METRICS` says how to print them; :func:`metric` makes one of your own.

>>> from bench.metrics import evaluate
>>> scores = evaluate(y_true=[0, 0, 0, 1, 1, 1], labels=[1, 1, 0, 0, 0, 0], sensitive=["f", "m", "f", "m", "f", "m"])
>>> {name: round(score, 2) for name, score in scores.items()}  # doctest: +NORMALIZE_WHITESPACE
{'acc': 0.83, 'nmi': 0.48, 'balance': 1.0, 'mnce': 1.0, 'f_beta': 0.65, 'ari': 0.32, 'entropy': 0.92,
 'empty_clusters': 0.0}
"""

from __future__ import annotations

from bench.metrics.contingency import contingency
from bench.metrics.custom import metric
from bench.metrics.evaluation import METRICS, Metric, ceilings, empty_clusters, evaluate, f_measure
from bench.metrics.fairness import balance, group_entropy, group_entropy_nats, mnce, share
from bench.metrics.quality import accuracy, ari, nmi

__all__ = [
    "METRICS",
    "Metric",
    "accuracy",
    "ari",
    "balance",
    "ceilings",
    "contingency",
    "empty_clusters",
    "evaluate",
    "f_measure",
    "group_entropy",
    "group_entropy_nats",
    "metric",
    "mnce",
    "nmi",
    "share",
]
