"""The mirror in MLflow, against SQLite and against a server that is started here and killed in the middle."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bench.tracking.mirror
from bench.errors import ResultsError
from bench.record import Record, RunSpec, pack_labels
from bench.records import RecordStore
from bench.tracking import (
    EXPERIMENT,
    SyncResult,
    Tracker,
    default_uri,
    reachable,
    serve_command,
    sync,
)
from bench.tracking.fields import write_artifacts
from bench.tracking.location import connect


def make_record(key: str = "a" * 64, *, method_params: dict[str, Any] | None = None, **fields: Any) -> Record:
    spec = RunSpec(
        method="fcmi",
        method_params={"epochs": 2, "lr": 1e-3} if method_params is None else method_params,
        method_source="src0",
        dataset="blobs",
        dataset_params={"n": 4},
        data_hash="d" * 64,
        seed=3,
        protocol=1,
    )
    given: dict[str, Any] = {
        "status": "ok",
        "metrics": {"acc": 0.75, "balance": 0.5},
        "history": [{"epoch": 0.0, "loss": 2.0}, {"epoch": 1.0, "loss": 1.5}],
        "labels": pack_labels([0, 1, 1, 2]),
        "fit_seconds": 1.25,
        "started": "2026-01-02T03:04:05.250000+00:00",
        "ended": "2026-01-02T03:04:06.500000+00:00",
        "device": "cpu",
        "threads": 2,
        "commit": "c0ffee",
        "dirty": True,
        "suite": "demo",
        "precision": "float32",
    }
    return Record(key=key, spec=spec, **{**given, **fields})


@pytest.fixture(autouse=True)
def _no_tracking_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables: making them takes a second, copying them does not."""
    folder = tmp_path_factory.mktemp("empty")
    connect(default_uri(folder)).search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def results(tmp_path: Path, empty_database: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    shutil.copy(empty_database, folder / "mlflow.db")
    return folder


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def runs_of(uri: str, *, deleted: bool = False) -> list[Any]:
    """All runs of the experiment, oldest first."""
    from mlflow.entities import ViewType

    client = connect(uri)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    view = ViewType.DELETED_ONLY if deleted else ViewType.ACTIVE_ONLY
    return list(reversed(client.search_runs([experiment.experiment_id], run_view_type=view)))


def children_of(uri: str) -> list[Any]:
    return [run for run in runs_of(uri) if "bench.key" in run.data.tags]


def parents_of(uri: str) -> list[Any]:
    return [run for run in runs_of(uri) if "bench.key" not in run.data.tags]


def log_one(results: Path, record: Record) -> Any:
    """Track `record` alone and return its run."""
    with Tracker(default_uri(results), results, name="test") as tracker:
        tracker.log(record)
    assert tracker.problem is None
    (child,) = children_of(default_uri(results))
    return child


# --- what a run holds -------------------------------------------------------------------------------------------


def test_child_holds_params_metrics_tags_and_times(results: Path) -> None:
    child = log_one(results, make_record())
    (parent,) = parents_of(default_uri(results))
    assert child.data.params == {
        "method": "fcmi",
        "dataset": "blobs",
        "seed": "3",
        "method.epochs": "2",
        "method.lr": "0.001",
        "dataset.n": "4",
    }
    assert child.data.metrics == {"acc": 0.75, "balance": 0.5, "fit_seconds": 1.25, "history.loss": 1.5}
    expected = {
        "mlflow.parentRunId": parent.info.run_id,
        "mlflow.source.git.commit": "c0ffee",
        "bench.key": "a" * 64,
        "bench.status": "ok",
        "bench.data_hash": "d" * 64,
        "bench.commit": "c0ffee",
        "bench.dirty": "true",
        "bench.suite": "demo",
        "bench.device": "cpu",
        "bench.precision": "float32",
    }
    assert expected.items() <= child.data.tags.items()
    assert "bench.reason" not in child.data.tags
    assert (child.info.start_time, child.info.end_time) == (1767323045250, 1767323046500)
    assert child.info.run_name == "fcmi blobs seed 3"


def test_history_becomes_steps(results: Path) -> None:
    history: list[dict[str, float | None]] = [
        {"epoch": 0.0, "loss": 2.0, "h": None},
        {"epoch": 1.0, "loss": math.inf, "h": 0.5},
        {"epoch": 5.0, "loss": 1.0, "h": math.nan},
        {"loss": 0.5},
    ]
    child = log_one(results, make_record(history=history))
    client = connect(default_uri(results))

    def curve(name: str) -> list[tuple[int, float]]:
        return sorted((metric.step, metric.value) for metric in client.get_metric_history(child.info.run_id, name))

    assert curve("history.loss") == [(0, 2.0), (3, 0.5), (5, 1.0)]
    assert curve("history.h") == [(1, 0.5)]
    assert curve("history.epoch") == []


@pytest.mark.parametrize("epoch", [2.0**63, -(2.0**64), 1e300, math.inf, math.nan])
def test_an_epoch_that_is_no_step_counts_as_its_place(epoch: float, results: Path) -> None:
    record = make_record(history=[{"epoch": 7.0, "loss": 2.0}, {"epoch": epoch, "loss": 1e308}, {"loss": -math.inf}])
    uri = default_uri(results)
    assert sync([record], uri, results) == SyncResult(added=1, already=0, updated=0)
    (child,) = children_of(uri)
    curve = connect(uri).get_metric_history(child.info.run_id, "history.loss")
    assert sorted((metric.step, metric.value) for metric in curve) == [(1, 1e308), (7, 2.0)]


def test_numbers_that_are_none_or_infinite_are_left_out(results: Path) -> None:
    metrics = {"acc": 0.0, "nmi": None, "balance": math.inf, "mnce": -math.inf, "ari": math.nan}
    child = log_one(results, make_record(metrics=metrics, history=[], fit_seconds=None, peak_rss_mb=math.inf))
    assert child.data.metrics == {"acc": 0.0}


def test_params_of_any_shape_and_size_fit(results: Path) -> None:
    given = {
        "text": "x" * 7000,
        "layers": [500, 10],
        "nested": {"a": {"b": True}, "c": None},
        "odd name/?": "",
        **{f"p{index:03}": index for index in range(120)},
    }
    child = log_one(results, make_record(method_params=given))
    params = child.data.params
    assert params["method.text"] == "x" * 5999 + "…"
    assert params["method.layers"] == "[500, 10]"
    assert params["method.nested.a.b"] == "true"
    assert params["method.nested.c"] == "null"
    assert params["method.odd name__"] == ""
    assert [params[f"method.p{index:03}"] for index in range(120)] == [str(index) for index in range(120)]


def test_history_of_any_length_fits(results: Path) -> None:
    child = log_one(results, make_record(history=[{"epoch": float(i), "loss": 1.0 / (i + 1)} for i in range(2100)]))
    curve = connect(default_uri(results)).get_metric_history(child.info.run_id, "history.loss")
    assert sorted(metric.step for metric in curve) == list(range(2100))


def test_long_reason_is_trimmed(results: Path) -> None:
    child = log_one(results, make_record(status="error", reason="r" * 9000, error_type="ValueError"))
    assert child.data.tags["bench.reason"] == "r" * 4999 + "…"
    assert child.data.tags["bench.error_type"] == "ValueError"


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("ok", "FINISHED"),
        ("not-applicable", "FINISHED"),
        ("interrupted", "KILLED"),
        ("error", "FAILED"),
        ("timeout", "FAILED"),
        ("oom", "FAILED"),
        ("missing-data", "FAILED"),
    ],
)
def test_status_of_a_run(status: str, shown: str, results: Path) -> None:
    child = log_one(results, make_record(status=status, reason="why", labels="", metrics={}, started="", ended=""))
    assert child.info.status == shown
    assert child.data.tags["bench.status"] == status
    assert child.info.end_time is not None
    folder = results / "mlartifacts" / child.info.run_id / "artifacts"
    assert [path.name for path in folder.iterdir()] == ["record.json"]


def test_artifacts_give_record_and_labels_back(results: Path) -> None:
    record = make_record()
    child = log_one(results, record)
    folder = results / "mlartifacts" / child.info.run_id / "artifacts"
    assert Record.model_validate_json((folder / "record.json").read_text()) == record
    with np.load(folder / "labels.npz") as stored:
        labels = stored["labels"]
    assert labels.dtype.kind == "i"
    assert labels.tolist() == [0, 1, 1, 2]


def test_labels_that_cannot_be_read_do_not_stop_the_mirror(results: Path) -> None:
    child = log_one(results, make_record(labels="uint8:bm90IHpsaWI="))
    folder = results / "mlartifacts" / child.info.run_id / "artifacts"
    assert [path.name for path in folder.iterdir()] == ["record.json"]


def test_database_lies_in_the_results_folder_whatever_its_name(tmp_path: Path, empty_database: Path) -> None:
    results = tmp_path / "50%20new? #1 ü"
    results.mkdir()
    shutil.copy(empty_database, results / "mlflow.db")
    child = log_one(results, make_record())
    folder = results / "mlartifacts" / child.info.run_id / "artifacts"
    assert sorted(path.name for path in folder.iterdir()) == ["labels.npz", "record.json"]


# --- an invocation ----------------------------------------------------------------------------------------------


def test_parent_has_name_tags_and_children_from_all_threads(results: Path) -> None:
    uri = default_uri(results)
    with Tracker(uri, results, name="bench run", tags={"bench.suite": "demo"}) as tracker:
        threads = [threading.Thread(target=tracker.log, args=(make_record(f"{i:064}"),)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (running,) = parents_of(uri)
        assert running.info.status == "RUNNING"
    assert tracker.problem is None
    (parent,) = parents_of(uri)
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "bench run")
    assert parent.data.tags["bench.suite"] == "demo"
    children = children_of(uri)
    assert {child.data.tags["bench.key"] for child in children} == {f"{i:064}" for i in range(6)}
    assert {child.data.tags["mlflow.parentRunId"] for child in children} == {parent.info.run_id}


@pytest.mark.parametrize(("error", "shown"), [(KeyboardInterrupt, "KILLED"), (RuntimeError, "FAILED")])
def test_parent_shows_how_the_invocation_ended(error: type[BaseException], shown: str, results: Path) -> None:
    def interrupted() -> None:
        with Tracker(default_uri(results), results, name="test"):
            raise error

    with pytest.raises(error):
        interrupted()
    (parent,) = parents_of(default_uri(results))
    assert parent.info.status == shown


def test_explicit_close_is_the_last_word(results: Path) -> None:
    with Tracker(default_uri(results), results, name="test") as tracker:
        tracker.close("KILLED")
        tracker.log(make_record())
    assert [run.info.status for run in runs_of(default_uri(results))] == ["KILLED"]


def test_tracker_of_nothing_touches_nothing(tmp_path: Path) -> None:
    with Tracker(None, tmp_path / "results", name="test") as tracker:
        tracker.log(make_record())
    assert tracker.problem is None
    assert list(tmp_path.iterdir()) == []


def test_import_and_resolving_are_light() -> None:
    code = (
        "import sys; from pathlib import Path; import bench.tracking as t; t.resolve_uri('http://h', Path('.'));"
        "print([m for m in ('mlflow', 'sqlalchemy', 'alembic', 'requests', 'torch', 'pandas') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_nothing_is_printed_and_telemetry_is_off(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from bench.tracking import Tracker, default_uri\n"
        "results = Path(sys.argv[1])\n"
        "with Tracker(default_uri(results), results, name='test') as tracker: pass\n"
        "assert tracker.problem is None, tracker.problem\n"
        "from mlflow.telemetry.client import get_telemetry_client\n"
        "assert get_telemetry_client() is None\n"
    )
    unset = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DO_NOT"))}
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "new" / "results")]
    shown = subprocess.run(command, capture_output=True, text=True, env=unset)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


# --- MLflow that fails ------------------------------------------------------------------------------------------


def test_server_that_is_down_stops_nothing(
    closed_port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    uri = f"http://me:hunter2@127.0.0.1:{closed_port}"
    attempts: list[str] = []
    with Tracker(uri, tmp_path, name="test") as tracker:
        problem = tracker.problem
        monkeypatch.setattr(bench.tracking.mirror, "connect", attempts.append)
        tracker.log(make_record())
    assert tracker.problem == problem
    assert problem == (
        f"MLflow at http://***@127.0.0.1:{closed_port} cannot be used (Connection refused); the runs go on, "
        "their records are kept; `bench sync` mirrors them later"
    )
    assert attempts == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("uri", ["http://", "sqlite:///", "postgresql://me:hunter2@127.0.0.1:{port}/db", "nowhere://x"])
def test_odd_uris_become_problems_too(uri: str, closed_port: int, tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_text("this is no database, and long enough to be recognised as none" * 20)
    given = f"sqlite:///{broken}" if uri == "sqlite:///" else uri.format(port=closed_port)
    with Tracker(given, tmp_path, name="test") as tracker:
        tracker.log(make_record())
    assert tracker.problem is not None
    assert "cannot be used (" in tracker.problem
    assert "hunter2" not in tracker.problem
    assert "\n" not in tracker.problem


def test_folder_that_is_a_file_is_a_problem(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.write_text("")
    tracker = Tracker(default_uri(results), results, name="test").open()
    assert tracker.problem is not None
    assert "is no folder" in tracker.problem


def test_failure_in_the_middle_is_told_once_and_ends_the_mirror(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(record: Record, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    uri = default_uri(results)
    with Tracker(uri, results, name="test") as tracker:
        tracker.log(make_record("1" * 64))
        with monkeypatch.context() as patch:
            patch.setattr(bench.tracking.mirror, "write_artifacts", full_disk)
            tracker.log(make_record("2" * 64))
        first = tracker.problem
        tracker.log(make_record("3" * 64))
    assert first is not None
    assert "No space left on device" in first
    assert tracker.problem == first
    complete = {run.data.tags["bench.key"]: "bench.record_sha" in run.data.tags for run in children_of(uri)}
    assert complete == {"1" * 64: True, "2" * 64: False}
    (parent,) = parents_of(uri)
    assert parent.info.status == "FINISHED"


def test_first_problem_is_the_one_that_is_told(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(strerror: str) -> Callable[..., None]:
        def failing(*_: object) -> None:
            raise OSError(5, strerror)

        return failing

    with Tracker(default_uri(results), results, name="test") as tracker:
        monkeypatch.setattr(bench.tracking.mirror._Session, "add", fail("first fault"))
        monkeypatch.setattr(bench.tracking.mirror._Session, "end", fail("second fault"))
        tracker.log(make_record())
    assert tracker.problem is not None
    assert "first fault" in tracker.problem


def test_a_defect_of_ours_is_not_taken_for_a_failure_of_mlflow(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(record: Record, folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(bench.tracking.mirror, "write_artifacts", defect)
    tracker = Tracker(default_uri(results), results, name="test").open()
    with pytest.raises(ZeroDivisionError):
        tracker.log(make_record())


# --- sync -------------------------------------------------------------------------------------------------------


def test_sync_adds_what_is_missing_once(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench.tracking.mirror, "_RUNS_A_PAGE", 2)
    uri = default_uri(results)
    records = [make_record(f"{i:064}") for i in range(5)]
    with Tracker(uri, results, name="test") as tracker:
        for record in records[:3]:
            tracker.log(record)
    assert sync(records, uri, results) == SyncResult(added=2, already=3, updated=0)
    before = [run.info.run_id for run in runs_of(uri)]
    assert sync(iter(records), uri, results) == SyncResult(added=0, already=5, updated=0)
    assert [run.info.run_id for run in runs_of(uri)] == before
    assert sorted(run.data.tags["bench.key"] for run in children_of(uri)) == [f"{i:064}" for i in range(5)]


def test_record_read_from_its_file_equals_the_one_that_was_logged(results: Path) -> None:
    record = make_record(metrics={"acc": 0.1 + 0.2, "nmi": None, "balance": 1 / 3}, method_params={"lr": 1.0, "n": 1})
    log_one(results, record)
    store = RecordStore(results)
    store.prepare()
    store.write(record)
    assert sync(store, default_uri(results), results) == SyncResult(added=0, already=1, updated=0)


def test_sync_replaces_another_outcome(results: Path) -> None:
    old = log_one(results, make_record(status="error", reason="boom", metrics={}, labels=""))
    uri = default_uri(results)
    assert sync([make_record()], uri, results) == SyncResult(added=0, already=0, updated=1)
    (child,) = children_of(uri)
    assert child.data.tags["bench.status"] == "ok"
    assert [run.info.run_id for run in runs_of(uri, deleted=True)] == [old.info.run_id]


def test_sync_replaces_a_half_written_run(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(record: Record, folder: Path) -> None:
        raise KeyboardInterrupt

    uri = default_uri(results)
    tracker = Tracker(uri, results, name="test").open()
    with monkeypatch.context() as patch:
        patch.setattr(bench.tracking.mirror, "write_artifacts", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tracker.log(make_record())
    tracker.close("KILLED")
    (half,) = children_of(uri)
    assert half.data.params["method"] == "fcmi"
    assert sync([make_record()], uri, results) == SyncResult(added=0, already=0, updated=1)
    (child,) = children_of(uri)
    assert child.info.run_id != half.info.run_id
    assert child.info.status == "FINISHED"
    assert sync([make_record()], uri, results) == SyncResult(added=0, already=1, updated=0)


def test_sync_leaves_one_of_equal_runs_and_none_of_the_others(results: Path) -> None:
    uri = default_uri(results)
    with Tracker(uri, results, name="test") as tracker:
        tracker.log(make_record(status="interrupted", metrics={}, labels=""))
        tracker.log(make_record())
        tracker.log(make_record())
        tracker.log(make_record("b" * 64))
    assert sync([make_record()], uri, results) == SyncResult(added=0, already=1, updated=0)
    assert sorted(run.data.tags["bench.key"][0] for run in children_of(uri)) == ["a", "b"]


def test_sync_restores_a_deleted_experiment(results: Path) -> None:
    uri = default_uri(results)
    log_one(results, make_record())
    client = connect(uri)
    client.delete_experiment(client.get_experiment_by_name(EXPERIMENT).experiment_id)
    sync([make_record()], uri, results)
    assert len(children_of(uri)) == 1


def test_sync_that_fails_in_the_middle_keeps_what_it_did(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(record: Record, folder: Path) -> None:
        if record.key == "2" * 64:
            raise OSError(28, "No space left on device")
        write_artifacts(record, folder)

    uri, records = default_uri(results), [make_record("1" * 64), make_record("2" * 64)]
    with monkeypatch.context() as patch:
        patch.setattr(bench.tracking.mirror, "write_artifacts", full_disk)
        with pytest.raises(ResultsError, match=r"No space left on device\); 1 of 2 records are mirrored"):
            sync(records, uri, results)
    assert [run.info.status for run in parents_of(uri)] == ["FAILED"]
    assert sync(records, uri, results) == SyncResult(added=0, already=1, updated=1)


def test_sync_says_why_it_cannot(closed_port: int, tmp_path: Path) -> None:
    uri = f"http://me:hunter2@127.0.0.1:{closed_port}"
    with pytest.raises(ResultsError, match=r"Connection refused\); 0 of 1 records are mirrored; run `bench sync`") as e:
        sync([make_record()], uri, tmp_path)
    assert "hunter2" not in str(e.value)


# --- a real server ----------------------------------------------------------------------------------------------


class Server:
    """An MLflow server on loopback, in a process group of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.uri = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = serve_command(default_uri(self.folder), self.folder, port=self.port)
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        for _ in range(600):
            if self.process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        pytest.fail((self.folder / "server.log").read_text()[-2000:])

    def kill(self) -> None:
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


@pytest.fixture
def server(results: Path) -> Iterator[Server]:
    server = Server(results)
    yield server
    server.kill()


@pytest.mark.slow
def test_server_killed_in_the_middle(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Killed while the third of five runs is half written; what is missing comes with the sync, once."""
    elsewhere = tmp_path / "client"
    records = [make_record(f"{i:064}", method_params={"empty": "", "epochs": i}) for i in range(5)]

    def write_and_kill(record: Record, folder: Path) -> None:
        write_artifacts(record, folder)
        if record.key == records[2].key:
            server.kill()

    server.start()
    assert reachable(server.uri) is None
    problems = []
    with monkeypatch.context() as patch, Tracker(server.uri, elsewhere, name="bench run") as tracker:
        patch.setattr(bench.tracking.mirror, "write_artifacts", write_and_kill)
        for record in records:
            tracker.log(record)
            problems.append(tracker.problem)
    assert problems[:2] == [None, None]
    assert problems[2] is not None
    assert problems[2].startswith(f"MLflow at {server.uri} cannot be used (")
    assert problems[3:] == [problems[2]] * 2
    assert tracker.problem == problems[2]
    assert reachable(server.uri) is not None

    server.start()
    whole = {run.data.tags["bench.key"]: "bench.record_sha" in run.data.tags for run in children_of(server.uri)}
    assert whole == {records[0].key: True, records[1].key: True, records[2].key: False}
    assert sync(records, server.uri, elsewhere) == SyncResult(added=2, already=2, updated=1)
    before = [run.info.run_id for run in runs_of(server.uri)]
    assert sync(records, server.uri, elsewhere) == SyncResult(added=0, already=5, updated=0)
    assert [run.info.run_id for run in runs_of(server.uri)] == before

    children = {run.data.tags["bench.key"]: run for run in children_of(server.uri)}
    assert len(children_of(server.uri)) == len(children) == 5
    for index, record in enumerate(records):
        run = children[record.key]
        assert run.info.status == "FINISHED"
        assert run.data.metrics == {"acc": 0.75, "balance": 0.5, "fit_seconds": 1.25, "history.loss": 1.5}
        assert run.data.params["method.epochs"] == str(index)
    assert capfd.readouterr() == ("", "")
    client = connect(server.uri)
    artifact = client.download_artifacts(children[records[4].key].info.run_id, "record.json", str(tmp_path))
    assert json.loads(Path(artifact).read_text())["key"] == records[4].key
    # The server keeps the artifacts, not the client.
    assert not elsewhere.exists()
