"""One record for every requested run, whatever happens to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.data.store import Store
from bench.errors import ResultsError
from bench.execution.engine import LocalEngine
from bench.execution.job import Slot
from bench.listeners import Silent
from bench.pending import select_runs
from bench.plan import Plan, make_plan
from bench.record import unpack_labels
from bench.records import RecordStore
from bench.registry import Registry
from bench.reporting.cells import build_table
from bench.runner import Summary, carry_out
from bench.suite import Grid, Suite

SLOTS = [Slot(0, "cpu", (0,)), Slot(1, "cpu", (0,))]


def plan_of(plugins: Path, *hows: str, seeds: str = "0", datasets: str = "blobs", **settings: object) -> Plan:
    grids = [
        Grid(methods=["faulty"], datasets=[datasets], seeds=seeds, set={"faulty": {"how": how}, **settings})
        for how in hows
    ]
    return make_plan(Suite(name="test", timeout=60, grid=grids), Registry([plugins]), Store(()))


@pytest.fixture
def records(results: Path) -> RecordStore:
    store = RecordStore(results)
    store.prepare()
    return store


def run(plan: Plan, records: RecordStore, only: str = "missing", **options: object) -> Summary:
    return carry_out(select_runs(plan, records, only), records, LocalEngine(SLOTS), **options)


def test_one_record_for_every_run_whatever_its_end(plugins: Path, records: RecordStore) -> None:
    hows = {"well": "ok", "raise": "error", "killed": "error", "exit": "error", "memory": "oom", "hang": "timeout"}
    summary = run(plan_of(plugins, *hows), records, timeout=3.0)
    found = {record.spec.method_params["how"]: record for record in records}
    assert {how: record.status for how, record in found.items()} == hows
    assert summary.counts == {"ok": 1, "error": 3, "oom": 1, "timeout": 1}
    assert all(record.reason for record in found.values() if record.status != "ok")
    assert found["killed"].error_type == "SIGKILL"


def test_a_good_record_says_what_was_run(plugins: Path, records: RecordStore) -> None:
    run(plan_of(plugins, "well"), records)
    (record,) = records
    assert record.suite == "test"
    assert set(record.metrics) >= {"acc", "nmi", "balance", "mnce", "f_beta", "ari", "entropy", "empty_clusters"}
    assert unpack_labels(record.labels).shape == (600,)
    assert record.history[-1] == {"epoch": 1.0, "loss": 0.5}
    assert record.versions["numpy"] == np.__version__
    assert record.device == "cpu"
    assert record.threads == 1
    assert record.started < record.ended
    assert records.embedding(record.key).shape == (600, 2)


def test_no_record_names_the_machine(plugins: Path, records: RecordStore) -> None:
    run(plan_of(plugins, "well", "raise"), records)
    text = "".join(record.model_dump_json() for record in records)
    assert os.uname().nodename not in text or len(os.uname().nodename) < 4
    assert str(plugins) not in text
    assert str(Path.home()) not in text


def test_a_second_time_does_nothing(plugins: Path, records: RecordStore) -> None:
    plan = plan_of(plugins, "well", "raise", seeds="0-1")
    run(plan, records)
    before = {path: path.stat().st_mtime_ns for path in records.records.iterdir()}
    selection = select_runs(plan, records)
    assert selection.todo == []
    assert selection.skipped == {"ok": 2, "error": 2}
    assert run(plan, records).counts == {}
    assert {path: path.stat().st_mtime_ns for path in records.records.iterdir()} == before


def test_failed_runs_are_tried_again_when_asked(plugins: Path, records: RecordStore) -> None:
    plan = plan_of(plugins, "well", "raise")
    run(plan, records)
    assert run(plan, records, only="failed").counts == {"error": 1}
    assert run(plan, records, only="timeout").counts == {}
    assert run(plan, records, only="all").counts == {"ok": 1, "error": 1}
    assert len(list(records)) == 2


def test_a_corrupt_record_is_run_again(plugins: Path, records: RecordStore) -> None:
    plan = plan_of(plugins, "well")
    run(plan, records)
    records.path(plan.runs[0].key).write_text('{"key": "cut off')
    with pytest.warns(UserWarning, match="cannot be read"):
        assert run(plan, records).counts == {"ok": 1}
    assert [record.status for record in records] == ["ok"]


def test_truth_scores_what_theory_says(records: RecordStore, plugins: Path) -> None:
    plan = make_plan(Suite(grid=[Grid(methods=["truth"], datasets=["mnist_optdigits"])]), Registry(), Store(()))
    run(plan, records)
    (record,) = records
    assert record.metrics["acc"] == record.metrics["nmi"] == 1.0
    assert round(100 * record.metrics["balance"], 1) == 34.8
    assert round(100 * record.metrics["mnce"], 1) == 98.9


def test_the_controls_score_what_theory_says(records: RecordStore) -> None:
    grid = Grid(methods=["random,one_cluster,by_group"], datasets=["reverse_digits"])
    run(make_plan(Suite(grid=[grid]), Registry(), Store(())), records)
    scores = {record.spec.method: record.metrics for record in records}
    assert scores["random"]["mnce"] > 0.99
    assert scores["random"]["nmi"] < 0.02
    assert scores["one_cluster"]["balance"] == scores["one_cluster"]["mnce"] == 1.0
    assert scores["one_cluster"]["nmi"] == scores["one_cluster"]["f_beta"] == 0.0
    assert scores["one_cluster"]["empty_clusters"] == 9
    assert scores["by_group"]["balance"] == scores["by_group"]["mnce"] == 0.0


def test_listeners_hear_everything(plugins: Path, records: RecordStore) -> None:
    heard = []

    class Ear(Silent):
        def planned(self, selection, slots) -> None:
            heard.append(("planned", len(selection.todo), len(slots)))

        def started(self, run, slot) -> None:
            heard.append(("started", run.spec.seed))

        def epoch(self, run, slot, row, n_epochs) -> None:
            heard.append(("epoch", row["epoch"], n_epochs))

        def ended(self, run, record) -> None:
            heard.append(("ended", record.status))

    run(plan_of(plugins, "well"), records, listeners=[Ear()])
    assert heard == [("planned", 1, 2), ("started", 0), ("epoch", 0.0, 2), ("epoch", 1.0, 2), ("ended", "ok")]


def test_a_record_that_cannot_be_written_ends_the_others(
    plugins: Path, records: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_self: RecordStore, _record: object) -> None:
        raise ResultsError("no space")

    monkeypatch.setattr(RecordStore, "write", full)
    start = time.monotonic()
    with pytest.raises(ResultsError, match="no space"):
        run(plan_of(plugins, "well", "hang"), records)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_keeps_what_is_done_and_records_the_rest(plugins: Path, results: Path, number: int) -> None:
    suite = plugins / "suite.toml"
    suite.write_text(
        '[[grid]]\nmethods = ["faulty"]\ndatasets = ["blobs"]\nset.faulty.how = "well"\n'
        '[[grid]]\nmethods = ["faulty"]\ndatasets = ["blobs"]\nseeds = "0-3"\nset.faulty.how = "hang"\n'
    )
    command = ["run", "--suite", str(suite), "--plugins", str(plugins), "--results", str(results), "--jobs", "2"]
    code = f"from bench.cli import main; main({[*command, '--tracking-uri', 'none']!r})"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(results.glob("records/*.json")) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1.0)  # the hanging runs have begun
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(number)
    process.send_signal(number)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command goes on from here" in err
    kept = [json.loads(path.read_text()) for path in results.glob("records/*.json")]
    assert sorted(record["status"] for record in kept) == ["interrupted"] * 4 + ["ok"]
    assert not [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    table = build_table(RecordStore(results).current(), methods={}, datasets={})
    assert any("interrupted: stopped by the user" in cell.reason for cell in table.cells.values())


def test_an_interrupted_run_is_run_the_next_time(plugins: Path, records: RecordStore) -> None:
    plan = plan_of(plugins, "well")
    run(plan, records)
    (record,) = records
    records.write(record.model_copy(update={"status": "interrupted", "reason": "stopped by the user"}))
    assert [found.key for found in select_runs(plan, records).todo] == [record.key]


def test_children_die_with_their_parent(plugins: Path, results: Path) -> None:
    command = [
        "run",
        "--methods",
        "faulty",
        "--datasets",
        "blobs",
        "--set",
        "faulty.how=hang",
        "--tracking-uri",
        "none",
    ]
    arguments = [*command, "--plugins", str(plugins), "--results", str(results)]
    process = subprocess.Popen([sys.executable, "-c", f"from bench.cli import main; main({arguments!r})"])
    deadline = time.monotonic() + 60
    while not list(results.glob("logs/*.log")) and time.monotonic() < deadline:
        time.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait(timeout=10)
    gone, alive = psutil.wait_procs(family, timeout=10)
    assert len(gone) >= 2
    assert alive == []
    assert list(results.glob("records/*")) == []
