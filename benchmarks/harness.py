"""What the harness itself costs: a run that does nothing, and ``bench list``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.data.store import Store
from bench.execution.slots import local_slots
from bench.plan import make_plan
from bench.records import RecordStore
from bench.registry import Registry
from bench.runner import carry_out, select_runs
from bench.suite import Grid, Suite
from benchmarks.rows import Row, row
from benchmarks.setting import Setting
from benchmarks.timing import median_seconds

__all__ = ["measure"]


def measure(setting: Setting) -> list[Row]:
    """Time runs of the control ``one_cluster``, one after the other, and the listing."""
    n, repeats = setting.size(20, 1), setting.size(5, 1)
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder) / "first", 1)  # the fork server is up afterwards
        start = time.perf_counter()
        _run(Path(folder) / "timed", n)
        per_run = (time.perf_counter() - start) / n
    command = [sys.executable, "-m", "bench", "list"]
    listing = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), repeats=repeats)
    return [row("harness, per run", n, per_run, repeats=n), row("bench list", 1, listing, repeats=repeats)]


def _run(results: Path, seeds: int) -> None:
    records = RecordStore(results)
    records.prepare()
    suite = Suite(grid=[Grid(methods=["one_cluster"], datasets=["blobs"], seeds=list(range(seeds)))])
    plan = make_plan(suite, Registry(), Store(()))
    carry_out(select_runs(plan, records), records, local_slots("cpu", jobs=1))
