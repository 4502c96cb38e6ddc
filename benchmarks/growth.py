"""How seconds grow with n: the shallow methods, the metrics and k-means on points of 10 dimensions.

Every point is measured in a process of its own, ``python -m benchmarks.point NAME N``, so that one that takes too
long, or too much memory, ends without the rest.
"""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np

from benchmarks.point import JOBS
from benchmarks.rows import Row, row
from benchmarks.setting import Setting

__all__ = ["exponent", "measure"]

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUICK_SIZES = (300,)
# Seconds a point may take, and what a process needs to start and to make the data.
CAP = 60
START = 15
# Below this many samples a fixed cost hides how the rest grows.
FITTED_FROM = 10_000


def measure(setting: Setting) -> list[Row]:
    """A line for every method and n; n that were left out are lines without seconds."""
    return [line for name in JOBS for line in grown(name, setting)]


def grown(name: str, setting: Setting) -> list[Row]:
    """The lines of one method."""
    sizes = QUICK_SIZES if setting.quick else SIZES
    found: dict[int, float] = {}
    why = ""
    for n in sizes:
        taken, why = point(name, n, expected(found, n))
        if taken is None:
            break
        found[n] = taken
    slope = exponent({n: taken for n, taken in found.items() if n >= FITTED_FROM or setting.quick})
    rows = []
    for n in sizes:
        more = {"exponent": slope} if n in found else {"left_out": why}
        rows.append(row(f"growth, {name}", n, found.get(n), **more))
    return rows


def expected(found: dict[int, float], n: int) -> float:
    """Seconds that `n` samples will take if they grow as they did last; at least linearly."""
    if len(found) < 2:
        return 0
    last = dict(list(found.items())[-2:])
    largest = max(last)
    return last[largest] * (n / largest) ** max(1, exponent(last) or 1)


def exponent(found: dict[int, float]) -> float | None:
    """Slope of ln seconds against ln n by least squares; None of less than two points."""
    if len(found) < 2:
        return None
    return float(np.polyfit(np.log(list(found)), np.log(list(found.values())), 1)[0])


def point(name: str, n: int, expected_s: float) -> tuple[float | None, str]:
    """Seconds in a process of its own, or None and why there are none."""
    # What should end just above the cap may end below it.
    if expected_s > 2 * CAP:
        return None, f"would take about {expected_s:.0f} s, the cap is {CAP} s"
    command = [sys.executable, "-m", "benchmarks.point", name, str(n)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CAP + START)
    except subprocess.TimeoutExpired:
        return None, f"took more than the cap of {CAP} s"
    if done.returncode:
        last = (done.stderr.strip() or f"ended with code {done.returncode}").splitlines()[-1]
        return None, last
    taken = float(json.loads(done.stdout.splitlines()[-1]))
    return (taken, "") if taken <= CAP else (None, f"took {taken:.0f} s, the cap is {CAP} s")
