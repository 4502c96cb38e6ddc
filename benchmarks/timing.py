"""Timing: the median of a few calls after a warm-up."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

__all__ = ["median_seconds", "row"]


def median_seconds(call: Callable[[], object], *, repeats: int = 5, warm_up: int = 1) -> float:
    """Median wall time of `call` in seconds."""
    for _ in range(warm_up):
        call()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def row(name: str, n: int, ours: float, baseline: float | None = None, against: str = "") -> dict[str, object]:
    """One line of the table: seconds of ours and of the baseline, and their ratio."""
    return {
        "name": name,
        "device": "cpu",
        "n": n,
        "ours_s": ours,
        "baseline_s": baseline,
        "baseline": against,
        "ratio": None if baseline is None else baseline / ours,
    }
