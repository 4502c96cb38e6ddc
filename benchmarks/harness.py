"""What the harness itself costs: a run that does nothing, ``bench list``, and a table of very many records."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.data.store import Store
from bench.execution.engine import LocalEngine
from bench.execution.slots import local_slots
from bench.plan import make_plan, run_key
from bench.records import RecordFile, RecordStore
from bench.registry import Registry
from bench.runner import carry_out, select_runs
from bench.suite import Grid, Suite
from benchmarks.rows import Row, row
from benchmarks.setting import Setting
from benchmarks.timing import median_seconds

__all__ = ["measure"]

_PACKED = Path(__file__).resolve().parents[1] / "results" / "records" / "demo-all.jsonl"


def measure(setting: Setting) -> list[Row]:
    """Time runs of the control ``one_cluster``, one after the other, the listing, and a table of 50,000 records."""
    n, repeats = setting.size(20, 1), setting.size(5, 1)
    with tempfile.TemporaryDirectory() as folder:
        _run(Path(folder) / "first", 1)  # the fork server is up afterwards
        start = time.perf_counter()
        _run(Path(folder) / "timed", n)
        per_run = (time.perf_counter() - start) / n
    command = [sys.executable, "-m", "bench", "list"]
    listing = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), repeats=repeats)
    return [
        row("harness, per run", n, per_run, repeats=n),
        row("bench list", 1, listing, repeats=repeats),
        *_tables(setting.size(50_000, 100), repeats),
    ]


def _tables(n: int, repeats: int) -> list[Row]:
    """Time ``bench table`` the first time, when it opens every record, and later, when it remembers them."""
    with tempfile.TemporaryDirectory() as folder:
        records = RecordStore(Path(folder))
        records.prepare()
        packed = list(RecordFile(_PACKED))
        for i in range(n):
            whole = packed[i % len(packed)]
            # Seeds that no other record of the file has.
            spec = whole.spec.model_copy(update={"seed": whole.spec.seed + 1000 * (i // len(packed))})
            text = whole.model_copy(update={"key": run_key(spec), "spec": spec}).model_dump_json()
            records.path(run_key(spec)).write_text(text, encoding="utf-8")
        # What has just been written is not remembered.
        time.sleep(3)
        command = [sys.executable, "-m", "bench", "table", "--format", "csv", "--results", folder]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        first = time.perf_counter() - start
        later = median_seconds(lambda: subprocess.run(command, check=True, capture_output=True), repeats=repeats)
    return [row("bench table, first", n, first, repeats=1), row("bench table", n, later, repeats=repeats)]


def _run(results: Path, seeds: int) -> None:
    records = RecordStore(results)
    records.prepare()
    suite = Suite(grid=[Grid(methods=["one_cluster"], datasets=["blobs"], seeds=list(range(seeds)))])
    plan = make_plan(suite, Registry(), Store(()))
    carry_out(select_runs(plan, records), records, LocalEngine(local_slots("cpu", jobs=1)))
