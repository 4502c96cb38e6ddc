"""The metrics against loops over samples."""

from __future__ import annotations

import numpy as np

from bench.metrics import evaluate
from benchmarks.ceiling import least_seconds
from benchmarks.rows import Row, compared
from benchmarks.setting import Setting
from benchmarks.textbook.metrics import all_metrics
from benchmarks.timing import in_turn

__all__ = ["measure"]


def measure(setting: Setting) -> list[Row]:
    """Time all metrics of 120,000 labels, 10 clusters, 2 groups; ours are more than the loops make."""
    rng = np.random.default_rng(0)
    n = setting.size(120_000, 500)
    y, labels, groups = rng.integers(10, size=n), rng.integers(10, size=n), rng.integers(2, size=n)
    times = in_turn(lambda: evaluate(y, labels, groups), lambda: all_metrics(y, labels, groups), setting)
    floor = least_seconds(setting, moved=y.nbytes + labels.nbytes + groups.nbytes)
    return [compared("metrics", n, times, "a loop over samples for each of ACC, NMI, Bal and MNCE", floor=floor)]
