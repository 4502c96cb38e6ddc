"""``python -m benchmarks``: measure everything, print one table, write ``results/perf/*.json``."""

from __future__ import annotations

import json
from pathlib import Path

from tabulate import tabulate

from benchmarks import harness, metrics

ROOMS = {"metrics": metrics.measure, "harness": harness.measure}
FOLDER = Path("results/perf")


def main() -> None:
    """Measure room by room."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, measure in ROOMS.items():
        measured = measure()
        (FOLDER / f"{name}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
        rows.extend(measured)
    print(tabulate(rows, headers="keys", floatfmt=".4g"))


if __name__ == "__main__":
    main()
