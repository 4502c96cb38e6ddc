"""``python -m benchmarks.point NAME N``: print the seconds that a method takes for N points of 10 dimensions."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from importlib import import_module

import numpy as np

from benchmarks.synthetic import points

__all__ = ["JOBS", "job"]

# Classes by the name of their module; imported alone, since a process makes one point.
METHODS = {"falg": "FAlg", "scfc": "ScFC", "vfc": "VFC", "spfc": "SpFC", "kmeans": "KMeansOnInput"}
JOBS = (*METHODS, "metrics")
CLUSTERS = 10
# What is quick is repeated.
REPEATED_BELOW = 2
REPEATS = 3


def job(name: str, n: int) -> Callable[[], object]:
    """What is timed."""
    samples, groups = points(n, n_clusters=CLUSTERS)
    if name == "metrics":
        evaluate = import_module("bench.metrics").evaluate
        y, labels = np.random.default_rng(1).integers(CLUSTERS, size=(2, n))
        return lambda: evaluate(y, labels, groups)
    method = getattr(import_module(f"bench.methods.{name}"), METHODS[name])
    return lambda: method(CLUSTERS, random_state=0).fit(samples, sensitive_features=groups)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    """Print the seconds of one point."""
    parser = argparse.ArgumentParser(description="Time one method on n points.")
    parser.add_argument("name", choices=JOBS)
    parser.add_argument("n", type=int)
    options = parser.parse_args()
    work = job(options.name, options.n)
    times = [seconds(work)]
    if times[0] < REPEATED_BELOW:
        # The first call also loads what is imported late.
        times = [seconds(work) for _ in range(REPEATS)]
    print(json.dumps(statistics.median(times)))


if __name__ == "__main__":
    main()
