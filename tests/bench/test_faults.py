"""Faults, injected for real: no record is lost, none is there twice, none has the wrong status.

``docs/reliability.md`` says which test, here or elsewhere, is about which fault.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest

import bench.claims
import bench.execution.isolate
import bench.tracking.mirror
from bench.claims import Claims
from bench.data.store import Store
from bench.errors import ResultsError
from bench.execution.engine import LocalEngine
from bench.execution.job import Slot
from bench.listeners import OnRecord, Silent
from bench.pending import select_runs
from bench.plan import Plan, make_plan
from bench.records import RecordStore
from bench.registry import Registry
from bench.runner import Summary, carry_out
from bench.suite import Grid, Suite
from bench.tracking import SyncResult, Tracker, default_uri, sync

SLOTS = [Slot(0, "cpu", (0,)), Slot(1, "cpu", (0,))]
NOBODY = 65534

ILL = '''
import itertools, os, signal, struct, time
from pathlib import Path
import numpy as np
from bench.adapters import Method
from bench.metadata import MethodInfo

class Ill(Method):
    """Falls ill in the way it is told to."""

    info = MethodInfo(name="ill", title="Ill", inputs=("vector",))

    def __init__(self, n_clusters=8, *, how="well", notes="", random_state=None):
        self.n_clusters = n_clusters
        self.how = how
        self.notes = notes
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        if self.notes:
            Path(self.notes, str(os.getpid())).touch()
        self.log_epoch(0, 2, loss=1.0)
        getattr(self, self.how)()
        self.labels_ = np.arange(len(X)) % self.n_clusters
        return self

    def well(self):
        time.sleep(0.01)

    def killed(self):
        os.kill(os.getpid(), signal.SIGKILL)

    def segfault(self):
        os.kill(os.getpid(), signal.SIGSEGV)

    def exit(self):
        os._exit(0)

    def leave(self):
        raise SystemExit(0)

    def error(self):
        raise RuntimeError("its own mistake")

    def no_text(self):
        raise RuntimeError("caf\\udce9.csv is cut off")

    def cut_short(self):
        connection = next(cell.cell_contents for cell in self.on_epoch.__closure__)
        os.write(connection.fileno(), struct.pack("!i", 1 << 20) + b"a part of it")
        os.kill(os.getpid(), signal.SIGKILL)

    def odd_epoch(self):
        self.log_epoch(float("nan"), 2, loss=1.0)

    def odd_row(self):
        self.on_epoch({"epoch": 1.0, "loss": "low"}, 2)

    def loop(self):
        while True:
            pass

    def loop_in_c(self):
        # Runs no bytecode, so that no other thread of the process comes to its turn.
        sum(itertools.repeat(1))

    def deaf(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)

    def hog(self):
        held = []
        while len(held) < 75:
            held.append(np.ones(20 * 2**17))
            time.sleep(0.01)
        time.sleep(600)

    def gpu(self):
        import torch
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    def chatty(self):
        for epoch in range(1, 2000):
            self.log_epoch(epoch, 2000, loss=1 / epoch)
'''

ENDS = {
    "well": ("ok", ""),
    "killed": ("error", "its process was killed by SIGKILL (the system does that when memory runs out)"),
    "segfault": ("error", "its process was killed by SIGSEGV"),
    "exit": ("error", "its process ended with exit code 0 before it returned labels"),
    "leave": ("error", "its process ended with exit code 0 before it returned labels"),
    "error": ("error", "RuntimeError: its own mistake"),
    "no_text": ("error", "RuntimeError: caf\\udce9.csv is cut off"),
    "cut_short": ("error", "its process was killed by SIGKILL (the system does that when memory runs out)"),
    "odd_epoch": ("error", "ValueError: cannot convert float NaN to integer"),
    "odd_row": ("error", "ValueError: could not convert string to float: 'low'"),
    "hog": ("oom", "took more than its memory limit of 700 MiB"),
}
NEVER_ENDING = ("loop", "loop_in_c", "deaf")


@pytest.fixture
def ill(write_plugin) -> Path:
    return write_plugin("ill", ILL)


@pytest.fixture
def plan_of(ill: Path) -> Callable[..., Plan]:
    def make(*hows: str, seeds: str = "0", timeout: float = 120, **settings: str) -> Plan:
        grids = [
            Grid(methods=["ill"], datasets=["blobs"], seeds=seeds, set={"ill": {"how": how, **settings}})
            for how in hows
        ]
        return make_plan(Suite(timeout=timeout, grid=grids), Registry([ill]), Store(()))

    return make


@pytest.fixture
def records(results: Path) -> RecordStore:
    store = RecordStore(results)
    store.prepare()
    return store


def run(plan: Plan, records: RecordStore, only: str = "missing", slots: int = 2, **options: object) -> Summary:
    return carry_out(select_runs(plan, records, only), records, LocalEngine(SLOTS[:slots]), **options)


def assert_kept_once(plan: Plan, records: RecordStore, statuses: dict[str, str]) -> None:
    """Each run has one record, of the status that its way to end has; nothing else lies about."""
    assert sorted(path.name for path in records.records.iterdir()) == sorted(f"{run.key}.json" for run in plan.runs)
    assert not list((records.folder / "claims").iterdir())
    found = {(record.spec.method_params["how"], record.spec.seed): record.status for record in records}
    assert found == {(how, run.spec.seed): statuses[how] for run in plan.runs for how in [_how(run)]}


def _how(run) -> str:
    return str(run.spec.method_params["how"])


# --- the process of a run -----------------------------------------------------------------------------------------


def test_every_way_to_end_has_its_status(plan_of, records: RecordStore) -> None:
    quick, endless = plan_of(*ENDS), plan_of(*NEVER_ENDING, timeout=2)
    plan = Plan(quick.runs + endless.runs)
    summary = run(plan, records, memory_mb=700.0)
    assert summary.counts == {"ok": 1, "error": 9, "oom": 1, "timeout": 3}
    ends = {**ENDS, **dict.fromkeys(NEVER_ENDING, ("timeout", "took longer than its time-out of 2 s"))}
    assert_kept_once(plan, records, {how: status for how, (status, _reason) in ends.items()})
    assert {record.spec.method_params["how"]: record.reason for record in records} == {
        how: reason for how, (_status, reason) in ends.items()
    }
    assert all(record.history[0] == {"epoch": 0.0, "loss": 1.0} for record in records)
    assert select_runs(plan, records).todo == []


def test_out_of_gpu_memory_as_torch_says_it(plan_of, records: RecordStore) -> None:
    plan = plan_of("gpu")
    assert run(plan, records).counts == {"oom": 1}
    assert_kept_once(plan, records, {"gpu": "oom"})
    (record,) = records
    assert record.error_type == "OutOfMemoryError"
    assert record.reason.startswith("OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB")


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def command(ill: Path, results: Path, *arguments: str, before: str = "") -> list[str]:
    """``bench run`` in a process of its own, after the statements in `before`."""
    chosen = ["run", "--datasets", "blobs", "--plugins", str(ill), "--results", str(results), "--device", "cpu"]
    line = [*chosen, "--tracking-uri", "none", *arguments]
    return [sys.executable, "-c", f"{before}\nfrom bench.cli import main; main({line!r})"]


@pytest.mark.parametrize(
    "how",
    [
        "loop",
        pytest.param(
            "loop_in_c",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a thread waits for the parent's death"),
        ),
    ],
)
def test_a_run_that_never_ends_ends_with_its_parent(
    plan_of, ill: Path, records: RecordStore, tmp_path: Path, how: str
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    chosen = ("--methods", "ill", "--set", f"ill.how={how}", "--set", f"ill.notes={notes}")
    with subprocess.Popen(command(ill, records.folder, *chosen)) as process:
        wait_until(lambda: bool(list(notes.iterdir())) or process.poll() is not None)
        time.sleep(0.5)
        (pid,) = (int(path.name) for path in notes.iterdir())
        assert _lives(pid)
        process.kill()
    try:
        wait_until(lambda: not _lives(pid))
    finally:
        if _lives(pid):
            os.kill(pid, signal.SIGKILL)
    assert list(records) == []
    plan = plan_of(how, notes=str(notes), timeout=1)
    assert run(plan, records).counts == {"timeout": 1}
    assert_kept_once(plan, records, {how: "timeout"})


# --- the results folder -------------------------------------------------------------------------------------------


def test_a_full_disk_stops_the_benchmark_and_loses_nothing(plan_of, ill: Path, records: RecordStore) -> None:
    suite = ill / "suite.toml"
    suite.write_text(
        '[[grid]]\nmethods = ["ill"]\ndatasets = ["blobs"]\nseeds = "0-2"\nset.ill.how = "well"\n'
        '[[grid]]\nmethods = ["ill"]\ndatasets = ["blobs"]\nset.ill.how = "chatty"\n'
    )
    plan = Plan(plan_of("well", seeds="0-2").runs + plan_of("chatty").runs)
    # No file may grow beyond 16 kB: room for the records of three runs, not for the history of the fourth.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, resource.RLIM_INFINITY))"
    chosen = ("--suite", str(suite), "--jobs", "1")
    full = subprocess.run(
        command(ill, records.folder, *chosen, before=limit), capture_output=True, text=True, check=False
    )
    assert full.returncode == 2, full.stderr
    assert "cannot be written (File too large)" in full.stderr
    assert "Traceback" not in full.stderr
    assert {record.spec.method_params["how"] for record in records} == {"well"}
    kept = {path: path.stat().st_mtime_ns for path in records.records.iterdir()}
    assert len(kept) == len(list(records)) == 3
    assert not list((records.folder / "claims").iterdir())
    freed = subprocess.run(command(ill, records.folder, *chosen), capture_output=True, text=True, check=False)
    assert freed.returncode == 0, freed.stderr
    assert_kept_once(plan, records, {"well": "ok", "chatty": "ok"})
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


@pytest.fixture
def shared() -> Iterator[Path]:
    """A results folder that nobody may go to, and read, too."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "results"


@contextmanager
def read_only(results: Path) -> Iterator[None]:
    """Nothing can be written in `results`, by this thread at least: no mode holds up root, but it may become nobody."""
    folders = [path for path in (results, *results.rglob("*")) if path.is_dir()]
    for folder in folders:
        folder.chmod(0o555)
    _ask_for_files_as(NOBODY)
    try:
        yield
    finally:
        _ask_for_files_as(os.geteuid())
        for folder in folders:
            folder.chmod(0o755)


def _ask_for_files_as(user: int) -> None:
    if os.geteuid() == 0:
        if sys.platform != "linux":
            pytest.skip("root may write everywhere")
        ctypes.CDLL(None).setfsuid(user)


def test_a_read_only_results_folder_is_refused_at_once(cli, shared: Path) -> None:
    arguments = ["run", "--methods", "random", "--datasets", "blobs", "--tracking-uri", "none", "--results", shared]
    assert cli(*arguments).code == 0
    (path,) = (shared / "records").iterdir()
    before = path.read_bytes()
    with read_only(shared):
        done = cli(*arguments, "--seeds", "0-1")
    assert done.code == 2
    assert done.err == (
        f"bench: the results folder {shared} cannot be written (Permission denied); name another with --results DIR\n"
    )
    assert path.read_bytes() == before
    assert "1 ok; records in" in cli(*arguments, "--seeds", "0-1").out
    assert [record.status for record in RecordStore(shared)] == ["ok", "ok"]


def test_a_results_folder_that_becomes_read_only_keeps_what_is_done(
    plan_of, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_CACHE", str(shared.parent / "cache"))
    records = RecordStore(shared)
    records.prepare()
    plan = plan_of("well", seeds="0-4")
    with ExitStack() as stack:

        def write_no_more(_record: object) -> None:
            stack.enter_context(read_only(shared))

        with pytest.raises(ResultsError, match="cannot be written"):
            run(plan, records, slots=1, listeners=[OnRecord(write_no_more)])
    assert [record.status for record in records] == ["ok"]
    assert run(plan, records).counts == {"ok": 4}
    assert_kept_once(plan, records, {"well": "ok"})


# --- MLflow -------------------------------------------------------------------------------------------------------


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Another process holds `database`, for readers too."""
    code = (
        f"import sqlite3, sys; held = sqlite3.connect({str(database)!r}, isolation_level=None); "
        "held.execute('BEGIN EXCLUSIVE'); print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        process.communicate("")


@pytest.mark.parametrize("when", ["at the start", pytest.param("in the middle", marks=pytest.mark.slow)])
def test_a_locked_database_costs_no_record(
    plan_of, records: RecordStore, capfd: pytest.CaptureFixture[str], when: str
) -> None:
    """A lock is a failure when it outlasts the wait for it, as one of 30 s does.

    That is 20 s, which MLflow sets itself, or before its first statement what the URI says, 5 s by default.
    """
    plan, folder = plan_of("well", seeds="0-2"), records.folder
    uri = default_uri(folder)
    assert sync([], uri, folder) == SyncResult(0, 0, 0)
    mirrored: list[str] = []
    with ExitStack() as lock:
        if when == "at the start":
            lock.enter_context(locked(folder / "mlflow.db"))
        with Tracker(f"{uri}?timeout=0.2", folder, name="test") as tracker:

            def log(record) -> None:
                tracker.log(record)
                if tracker.problem is not None:
                    lock.close()
                elif not mirrored:
                    mirrored.append(record.key)
                    lock.enter_context(locked(folder / "mlflow.db"))

            assert run(plan, records, listeners=[OnRecord(log)]).counts == {"ok": 3}
    assert len(mirrored) == (when == "in the middle")
    assert tracker.problem is not None
    assert "cannot be used (database is locked); the runs go on, their records are kept" in tracker.problem
    assert_kept_once(plan, records, {"well": "ok"})
    assert sync(records, uri, folder) == SyncResult(added=3 - len(mirrored), already=len(mirrored), updated=0)
    assert sync(records, uri, folder) == SyncResult(added=0, already=3, updated=0)
    assert capfd.readouterr() == ("", "")


# --- the clock ----------------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_changes_no_outcome(
    plan_of, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour back at every look at it; time-outs, durations and estimates come from a clock that only goes on."""
    hours = iter(range(10**6))

    class Backwards(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) - timedelta(hours=next(hours))

    for module in (bench.execution.isolate, bench.claims, bench.tracking.mirror):
        monkeypatch.setattr(module, "datetime", Backwards)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 3600 * next(hours))
    plan = Plan(plan_of("well", seeds="0-1").runs + plan_of("deaf", timeout=1).runs)
    statuses = {"well": "ok", "deaf": "timeout"}
    assert run(plan, records).counts == {"ok": 2, "timeout": 1}
    assert_kept_once(plan, records, statuses)
    assert all(record.ended < record.started for record in records)
    assert all(0 <= record.fit_seconds < 60 for record in records if record.status == "ok")
    again = select_runs(plan, records, "all")
    assert len(again.expected) == 3
    assert min(again.expected.values()) >= 0
    assert select_runs(plan, records).todo == []
    before = {record.key: record.started for record in records}
    assert run(plan, records, only="all").counts == {"ok": 2, "timeout": 1}
    assert_kept_once(plan, records, statuses)
    # The records are those of the second time, which by the clock was before the first.
    assert all(record.started < before[record.key] for record in records)
    uri = default_uri(records.folder)
    assert sync(records, uri, records.folder) == SyncResult(added=3, already=0, updated=0)
    assert sync(records, uri, records.folder) == SyncResult(added=0, already=3, updated=0)


# --- many runs ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_many_short_runs_leave_nothing_behind(plan_of, records: RecordStore) -> None:
    """``benchmarks/harness.py`` measures 2,000 of them."""
    plan, parent = plan_of("well", seeds="0-199"), psutil.Process()
    sizes: list[tuple[int, int, int]] = []

    def measure(_record: object) -> None:
        sizes.append((parent.memory_info().rss, parent.num_fds(), parent.num_threads()))

    assert run(plan, records, listeners=[OnRecord(measure)]).counts == {"ok": 200}
    assert_kept_once(plan, records, {"well": "ok"})
    (rss, fds, threads), (last_rss, last_fds, last_threads) = sizes[49], sizes[-1]
    # 150 runs: a leak of their labels alone would be below it, of anything that belongs to a process above.
    assert last_rss - rss < 8 * 2**20
    # What runs at that moment has some open.
    assert last_fds <= fds + 8
    assert last_threads <= threads


# --- runs that are asked for again --------------------------------------------------------------------------------


def test_runs_that_are_asked_for_again_are_still_to_do(plan_of, records: RecordStore) -> None:
    plan = plan_of("well", seeds="0-2")
    run(plan, records)
    to_do = []

    class Ear(Silent):
        def started(self, run, slot) -> None:
            to_do.append(Claims(records.folder).to_do())

    run(plan, records, only="all", slots=1, listeners=[Ear()])
    assert to_do[0] == 2
