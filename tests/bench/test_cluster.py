"""Runs on a Dask cluster, for real: a scheduler and its workers on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest

import bench
from bench.data.prepared import Prepared, prepare
from bench.data.store import Store
from bench.data.travel import Packed, find_prepared, pack, unpack
from bench.errors import BenchError, InvalidInputError
from bench.execution import cluster
from bench.execution.cluster import ClusterEngine, UnencryptedWarning, scheduler_address
from bench.execution.engine import Desk, Ended
from bench.execution.job import Slot, Work
from bench.listeners import Silent
from bench.pending import select_runs
from bench.plan import Plan, PlannedRun, make_plan
from bench.record import Record
from bench.records import RecordStore
from bench.registry import Registry
from bench.runner import carry_out
from bench.suite import Grid, Suite

pytest.importorskip("distributed", reason="Dask is not installed: it comes with the extra 'cluster'")

SLOW = '''
import os, time
from pathlib import Path
import numpy as np
import psutil
from bench.adapters import Method
from bench.metadata import MethodInfo

class Slow(Method):
    """Takes its time, and leaves a note of where it is."""

    info = MethodInfo(name="slow", title="Slow", inputs=("vector",))

    def __init__(self, n_clusters=8, *, seconds=1.0, notes="", kills=False, random_state=None):
        self.n_clusters = n_clusters
        self.seconds = seconds
        self.notes = notes
        self.kills = kills
        self.random_state = random_state

    def fit(self, X, *, sensitive_features):
        X, groups = self.check_input(X, sensitive_features)
        worker = os.environ["WORKER_OF_TEST"]
        print("on", worker)
        if self.notes:
            Path(self.notes, f"{worker}-{os.getpid()}").touch()
        if self.kills:
            # Its parent is the fork server, and that one's is the worker.
            psutil.Process().parents()[1].kill()
        self.log_epoch(0, 2, loss=1.0)
        time.sleep(600 if worker == "victim" else self.seconds)
        self.log_epoch(1, 2, loss=0.5)
        self.labels_ = np.random.default_rng(self.random_state).integers(self.n_clusters, size=len(X))
        return self
'''


@dataclass
class Cluster:
    """A scheduler, and as many workers as a test starts."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def address(self) -> str:
        return str(json.loads(self.file.read_text())["address"])

    def start(self, name: str, *arguments: str) -> None:
        own = {"WORKER_OF_TEST": name, "BENCH_CACHE": str(self.folder / name)}
        # What a run makes its worker suffer happens once to each of two.
        settings = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, env={**os.environ, **own, **settings}, stdout=log, stderr=log
            )

    def worker(self, name: str, *options: str) -> None:
        scratch = ("--local-directory", str(self.folder / f"{name}-scratch"))
        self.start(name, "worker", self.address, "--resources", "GPU=1", "--nthreads", "1", *scratch, *options)

    def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    started = Cluster(tmp_path_factory.mktemp("cluster"))
    local = ("--host", "127.0.0.1", "--port", "0")
    started.start("scheduler", "scheduler", *local, "--scheduler-file", str(started.file))
    try:
        wait_until(lambda: started.file.exists() and started.file.read_text().endswith("}"))
        yield started
    finally:
        for name in list(started.processes):
            started.kill(name)


@pytest.fixture(scope="module")
def two_workers(scheduler: Cluster) -> Iterator[Cluster]:
    # One as users start it, in the care of a nanny; the other is there sooner.
    scheduler.worker("anna")
    scheduler.worker("bela", "--no-nanny")
    # A busy machine takes its time.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "_SECONDS_TO_WAIT_FOR_WORKERS", 120)
        yield scheduler


@pytest.fixture
def records(results: Path) -> RecordStore:
    store = RecordStore(results)
    store.prepare()
    return store


@pytest.fixture
def plugin(write_plugin) -> Path:
    return write_plugin("slow", SLOW)


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def assert_ended(notes: Path) -> None:
    """No process of a run that has left a note goes on."""
    pids = [int(path.name.partition("-")[2]) for path in notes.glob("*-*")]
    assert pids
    wait_until(lambda: not any(map(psutil.pid_exists, pids)))


def plan_of(plugin: Path, seeds: str = "0", **settings: object) -> Plan:
    grid = Grid(methods=["slow"], datasets=["blobs"], seeds=seeds, set={"slow": settings})
    return make_plan(Suite(grid=[grid]), Registry([plugin]), Store(()))


class Heard(Silent):
    """What a listener was told."""

    def __init__(self) -> None:
        self.started_on: list[tuple[str, int]] = []
        self.epochs: list[dict[str, float]] = []
        self.records: list[Record] = []
        self.on_epoch: Callable[[], None] = lambda: None

    def started(self, run: PlannedRun, slot: Slot) -> None:
        self.started_on.append((str(run), slot.index))

    def epoch(self, run: PlannedRun, slot: Slot, row, n_epochs: int) -> None:
        self.epochs.append(dict(row))
        self.on_epoch()

    def ended(self, run: PlannedRun, record: Record) -> None:
        self.records.append(record)


def test_without_a_worker_one_line_says_so(scheduler: Cluster, cli, results: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_SECONDS_TO_WAIT_FOR_WORKERS", 0.2)
    done = cli("run", "--methods", "kmeans", "--datasets", "blobs", "--results", results, "--engine", scheduler.file)
    assert done.code == 2
    assert "no worker has joined the Dask scheduler" in done.err
    assert done.err.count("\n") == 1
    assert not list(RecordStore(results))


@pytest.mark.slow
def test_a_killed_worker_costs_no_run(two_workers: Cluster, plugin: Path, records: RecordStore, tmp_path: Path) -> None:
    two_workers.worker("victim", "--no-nanny")
    plan = plan_of(plugin, "0-8", notes=str(tmp_path))
    heard = Heard()

    def kill_in_the_middle() -> None:
        # Nothing that begins on this one ends there.
        wait_until(lambda: any(tmp_path.glob("victim-*")))
        two_workers.kill("victim")

    with ClusterEngine(str(two_workers.file)) as engine:
        assert len(engine.slots) >= 1
        killer = threading.Thread(target=kill_in_the_middle)
        killer.start()
        summary = carry_out(select_runs(plan, records), records, engine, listeners=[heard], timeout=120)
        killer.join()
    assert summary.counts == {"ok": 9}
    assert sorted(record.spec.seed for record in records) == list(range(9))
    assert sorted(record.key for record in heard.records) == sorted(run.key for run in plan.runs)
    assert {records.log_path(record.key).read_text() for record in records} <= {"on anna\n", "on bela\n"}
    # It began once more than it ended.
    assert len(heard.started_on) > 9
    assert len({index for _run, index in heard.started_on}) > 1
    assert {"epoch": 1.0, "loss": 0.5} in heard.epochs
    assert all(len(record.history) == 2 for record in records)
    assert all(record.versions["numpy"] == np.__version__ and record.cpu for record in records)


def test_data_that_only_the_parent_has_are_sent_without_classes(
    two_workers: Cluster, plugin: Path, cli, tmp_path: Path, results: Path
) -> None:
    rows = [f"{index % 7},{index % 3},{index % 2},{index % 4}" for index in range(40)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,sex,outcome", *rows]))
    table = ["--data", tmp_path / "own.csv", "--sensitive", "sex", "--label", "outcome"]
    done = cli(
        *("run", "--methods", "slow", "--seeds", "0-3", "--set", "slow.seconds=0.2", "--plugins", plugin, *table),
        *("--results", results, "--tracking-uri", "none", "--engine", two_workers.file),
    )
    assert done.code == 0, done.err
    found = list(RecordStore(results))
    assert [record.status for record in found] == ["ok"] * 4
    assert all(0 <= record.metrics["nmi"] <= 1 for record in found)
    sent = list(two_workers.folder.glob("*/prepared/sent-*"))
    assert sent
    for folder in sent:
        assert {path.name for path in folder.iterdir()} == {"X.npy", "sensitive.npy", "facts.json"}
        assert Prepared(folder).content_hash == found[0].spec.data_hash


def test_other_code_on_a_worker_is_refused(two_workers: Cluster, plugin: Path, records: RecordStore) -> None:
    plan = plan_of(plugin, "0-1")
    (plugin / "slow.py").write_text(SLOW.replace("size=len(X))", "size=len(X)) * 0"))
    with ClusterEngine(str(two_workers.file)) as engine, pytest.raises(BenchError, match="has other code of 'slow'"):
        carry_out(select_runs(plan, records), records, engine)
    assert not list(records)


def test_a_method_that_a_worker_lacks_is_refused(two_workers: Cluster, plugin: Path, records: RecordStore) -> None:
    plan = plan_of(plugin)
    (plugin / "slow.py").unlink()
    with ClusterEngine(str(two_workers.file)) as engine, pytest.raises(BenchError, match="has no method 'slow'"):
        carry_out(select_runs(plan, records), records, engine)
    assert not list(records)


def test_another_version_on_a_worker_is_refused(two_workers: Cluster, monkeypatch) -> None:
    ours = bench.__version__
    monkeypatch.setattr(bench, "__version__", "9.9")
    with pytest.raises(BenchError, match=rf"has fair-clustering-bench {ours}, this machine 9\.9"):
        ClusterEngine(two_workers.address)


class Interruptible:
    """An engine that a test can interrupt."""

    def __init__(self, engine: ClusterEngine) -> None:
        self.engine = engine
        self.slots = engine.slots
        self.stop = threading.Event()

    def outcomes(self, works: Sequence[Work], stop: threading.Event, desk: Desk) -> Generator[Ended]:
        self.stop = stop
        return self.engine.outcomes(works, stop, desk)


def test_an_interruption_ends_what_runs_on_workers(
    two_workers: Cluster, plugin: Path, records: RecordStore, tmp_path: Path
) -> None:
    plan = plan_of(plugin, "0-39", seconds=600, notes=str(tmp_path))
    heard = Heard()
    with ClusterEngine(two_workers.address) as connected:
        engine = Interruptible(connected)
        heard.on_epoch = lambda: engine.stop.set()
        summary = carry_out(select_runs(plan, records), records, engine, listeners=[heard])
    assert summary.interrupted
    assert summary.counts == {"interrupted": 40}
    assert len(list(records)) == 40
    assert any(record.history for record in records)
    assert_ended(tmp_path)


def test_a_run_that_kills_its_workers_is_recorded(two_workers: Cluster, plugin: Path, records: RecordStore) -> None:
    with ClusterEngine(two_workers.address) as engine:
        carry_out(select_runs(plan_of(plugin, kills=True), records), records, engine)
    (record,) = records
    assert record.status == "error"
    assert record.error_type == "KilledWorker"
    assert "each of 2 workers died" in record.reason


def test_a_lost_scheduler_ends_runs_and_program(
    two_workers: Cluster, plugin: Path, records: RecordStore, tmp_path: Path
) -> None:
    two_workers.worker("dora", "--no-nanny")
    plan = plan_of(plugin, "0-1", seconds=600, notes=str(tmp_path))

    def kill_in_the_middle() -> None:
        wait_until(lambda: any(tmp_path.glob("*-*")))
        two_workers.kill("scheduler")

    killer = threading.Thread(target=kill_in_the_middle)
    killer.start()
    with ClusterEngine(two_workers.address) as engine, pytest.raises(BenchError, match="was lost; finished runs"):
        carry_out(select_runs(plan, records), records, engine)
    killer.join()
    assert not list(records)
    assert_ended(tmp_path)


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("dask://example.org:8786", "tcp://example.org:8786"),
        ("tls://[::1]:8786", "tls://[::1]:8786"),
        ("tcp://10.0.0.1:1", "tcp://10.0.0.1:1"),
    ],
)
def test_an_address_is_read(given: str, address: str) -> None:
    assert scheduler_address(given) == address


@pytest.mark.parametrize("given", ["nonsense", "dask://host", "dask://:8786", "http://host:1", "dask://host:0x"])
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(InvalidInputError, match="it takes dask://HOST:PORT"):
        scheduler_address(given)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"address": 1}', '{"address": "inproc://x"}'])
def test_a_file_without_an_address_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "scheduler.json").write_text(text)
    with pytest.raises(InvalidInputError, match="no scheduler's address is in it"):
        scheduler_address(str(tmp_path / "scheduler.json"))


@pytest.mark.parametrize("option", ["--jobs", "--slots-per-device"])
def test_options_for_this_machine_are_refused(cli, results: Path, option: str) -> None:
    arguments = ["run", "--methods", "kmeans", "--datasets", "blobs", "--results", results]
    done = cli(*arguments, "--engine", "dask://127.0.0.1:1", option, "2")
    assert done.code == 2
    assert f"{option} and --engine given" in done.err


def test_without_dask_one_line_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(BenchError, match=r"pip install 'fair-clustering-bench\[cluster\]'"):
        ClusterEngine("dask://127.0.0.1:8786")


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(BenchError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:1 "):
        ClusterEngine("dask://127.0.0.1:1")


def test_a_scheduler_on_the_network_without_tls_warns(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_SECONDS_TO_CONNECT", 0.2)
    with pytest.warns(UnencryptedWarning, match="without TLS"), pytest.raises(BenchError, match="no Dask scheduler"):
        ClusterEngine("dask://192.0.2.1:8786")


def test_tls_without_certificates_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_SECONDS_TO_CONNECT", 0.2)
    with pytest.raises(BenchError, match="TLS"):
        ClusterEngine("tls://192.0.2.1:8786")


@pytest.fixture
def blobs() -> Prepared:
    return prepare(Registry().datasets["blobs"], {}, Store(()))


def test_data_arrive_as_they_left(blobs: Prepared, tmp_path: Path, monkeypatch) -> None:
    packed = pack(blobs)
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    assert find_prepared(blobs.content_hash) is None
    arrived = unpack(packed)
    assert find_prepared(blobs.content_hash) == arrived
    assert np.array_equal(arrived.X(), blobs.X())
    assert np.array_equal(arrived.sensitive(), blobs.sensitive())
    assert arrived.y() is None
    assert (arrived.k, arrived.n_groups) == (blobs.k, blobs.n_groups)


def test_data_that_changed_on_their_way_are_refused(blobs: Prepared, tmp_path: Path, monkeypatch) -> None:
    packed = pack(blobs)
    changed = {**packed.files, "X.npy": packed.files["X.npy"][:-1] + b"\0"}
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path))
    with pytest.raises(BenchError, match="changed on their way"):
        unpack(Packed(packed.content_hash, changed, packed.sha256))
    assert find_prepared(blobs.content_hash) is None
