"""What the harness itself costs: a run that does nothing, very many runs, the listing, a table of very many records."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from bench.data.store import Store
from bench.execution.engine import LocalEngine
from bench.execution.slots import local_slots
from bench.listeners import Listener, OnRecord
from bench.pending import select_runs
from bench.plan import make_plan, run_key
from bench.records import RecordFile, RecordStore
from bench.registry import Registry
from bench.runner import carry_out
from bench.suite import Grid, Suite
from benchmarks.rows import Row, row
from benchmarks.setting import Setting
from benchmarks.timing import median_seconds

__all__ = ["measure"]

_NAP_SECONDS = 0.01
_NAP = f"""
import time
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo

class Nap(Method):
    info = MethodInfo(name="nap", title="Nap", inputs=("vector",))

    def __init__(self, n_clusters=8, *, random_state=None):
        self.n_clusters = n_clusters
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        time.sleep({_NAP_SECONDS})
        self.labels_ = np.zeros(len(X), dtype=np.int64)
        return self
"""

_PACKED = Path(__file__).resolve().parents[1] / "results" / "records" / "demo-all.jsonl"


def measure(setting: Setting) -> list[Row]:
    """Time runs of the control ``one_cluster``, 2,000 runs of 10 ms, the listing, and a table of 50,000 records."""
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
        _many_runs(setting.size(2000, 10)),
        row("bench list", 1, listing, repeats=repeats),
        *_tables(setting.size(50_000, 100), repeats),
    ]


def _many_runs(n: int) -> Row:
    """Time runs of 10 ms, one after the other, and see whether the last cost what the first did, in time and memory."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "nap.py").write_text(_NAP, encoding="utf-8")
        marks = [(time.perf_counter(), _resident_mb())]
        listener = OnRecord(lambda _record: marks.append((time.perf_counter(), _resident_mb())))
        _run(Path(folder) / "results", n, "nap", [Path(folder)], [listener])
    tenth = n // 10
    (begun, _), (early, early_mb), (late, _), (ended, ended_mb) = (marks[i] for i in (0, tenth, n - tenth, n))
    return row(
        "harness, per run beyond its 10 ms",
        n,
        (ended - begun) / n - _NAP_SECONDS,
        repeats=n,
        first_tenth_s=(early - begun) / tenth - _NAP_SECONDS,
        last_tenth_s=(ended - late) / tenth - _NAP_SECONDS,
        grown_mb=ended_mb - early_mb,
    )


def _resident_mb() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


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


def _run(
    results: Path,
    seeds: int,
    method: str = "one_cluster",
    plugins: Sequence[Path] = (),
    listeners: Sequence[Listener] = (),
) -> None:
    records = RecordStore(results)
    records.prepare()
    suite = Suite(grid=[Grid(methods=[method], datasets=["blobs"], seeds=list(range(seeds)))])
    plan = make_plan(suite, Registry(plugins), Store(()))
    engine = LocalEngine(local_slots("cpu", jobs=1))
    carry_out(select_runs(plan, records), records, engine, listeners=listeners)
