"""What is done about runs that fail, take too much, or are somebody else's: with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from bench.claims import Claims
from bench.errors import ResultsError
from bench.execution.engine import LocalEngine
from bench.execution.job import Policy, Slot
from bench.listeners import Silent
from bench.pending import select_runs
from bench.record import Record
from bench.records import RecordStore
from bench.runner import carry_out

SLOTS = [Slot(0, "cpu", (0,)), Slot(1, "cpu", (0,))]


def run(plan, records: RecordStore, policy: Policy | None = None, only: str = "missing", **options):
    return carry_out(select_runs(plan, records, only), records, LocalEngine(SLOTS, policy), **options)


def test_a_crash_is_tried_again(plan_of, records: RecordStore, attempts) -> None:
    assert run(plan_of("crash once"), records, Policy(retries=1)).counts == {"ok": 1}
    assert len(attempts()) == 2


def test_a_crash_is_recorded_when_it_was_tried_often_enough(plan_of, records: RecordStore, attempts) -> None:
    assert run(plan_of("crash", "raise"), records, Policy(retries=1)).counts == {"error": 2}
    reasons = {record.spec.method_params["how"]: record.reason for record in records}
    assert reasons == {
        "crash": "its process was killed by SIGSEGV; tried 2 times",
        "raise": "RuntimeError: its own mistake",
    }
    assert Counter(how for how, *_rest in attempts()) == {"crash": 2, "raise": 1}


def test_without_retries_a_crash_is_final(plan_of, records: RecordStore, attempts) -> None:
    assert run(plan_of("crash"), records).counts == {"error": 1}
    assert len(attempts()) == 1


@pytest.mark.parametrize(("how", "counts"), [("oom once", {"ok": 4}), ("oom", {"ok": 3, "oom": 1})])
def test_out_of_gpu_memory_is_tried_once_more_alone(plan_of, records: RecordStore, attempts, how, counts) -> None:
    plan = plan_of(how)
    others = plan_of("well", seeds="0-2")
    both = type(plan)(plan.runs + others.runs)
    assert run(both, records).counts == counts
    tries = [(begun, ended) for tried, _seed, begun, ended in attempts() if tried == how]
    assert len(tries) == 2
    begun, ended = tries[-1]
    assert all(end <= begun or start >= ended for tried, _seed, start, end in attempts() if tried != how)
    for record in records:
        assert record.status == "ok" or record.reason.endswith("tried 2 times, at last alone on its device")


def test_what_torch_and_cuda_say_without_memory_is_understood(plan_of, records: RecordStore) -> None:
    said = ["CUDA error: out of memory", "DefaultCPUAllocator: can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED"]
    run(plan_of(*(f"says {text}" for text in said), "says something else"), records)
    statuses = {record.spec.method_params["how"].removeprefix("says "): record.status for record in records}
    assert statuses == {**dict.fromkeys(said, "oom"), "something else": "error"}


@pytest.mark.parametrize("how", ["hog", "child hogs"])
def test_a_run_that_takes_too_much_memory_is_ended(plan_of, records: RecordStore, attempts, how: str) -> None:
    assert run(plan_of(how), records, memory_mb=700.0).counts == {"oom": 1}
    (record,) = records
    assert record.reason == "took more than its memory limit of 700 MiB"
    assert record.error_type == "MemoryLimit"
    assert 700 < record.peak_rss_mb < 1600
    assert len(attempts()) == 1


def test_a_run_within_its_memory_limit_is_left_alone(plan_of, records: RecordStore) -> None:
    assert run(plan_of("well"), records, memory_mb=2000.0).counts == {"ok": 1}


def test_after_so_many_failures_the_rest_is_left_for_the_next_time(plan_of, records: RecordStore, attempts) -> None:
    plan = plan_of("raise", seeds="0-9")
    summary = run(plan, records, Policy(max_failures=2))
    # What runs on the other slot when the second one fails is finished.
    assert 2 <= summary.counts["error"] <= 3
    assert summary.not_run == 10 - summary.counts["error"]
    assert len(attempts()) == len(list(records)) == summary.counts["error"]
    assert len(select_runs(plan, records).todo) == summary.not_run


def test_a_run_that_another_invocation_has_done_is_not_done_again(plan_of, records: RecordStore, attempts) -> None:
    plan = plan_of("well")
    run(plan, records)
    (record,) = records
    records.path(record.key).unlink()
    selection = select_runs(plan, records)
    heard = []

    class Ear(Silent):
        def left_to_others(self, run) -> None:
            heard.append(run.key)

    with Claims(records.folder) as other:
        assert other.take(record.key, "the same run")
        threading.Timer(0.5, lambda: (records.write(record), other.give_back(record.key))).start()
        summary = carry_out(selection, records, LocalEngine(SLOTS), listeners=[Ear()])
    assert summary.counts == {}
    assert summary.elsewhere == 1
    assert summary.not_run == 0
    assert heard == [record.key]
    assert len(attempts()) == 1


def test_a_run_that_another_invocation_gives_back_undone_is_done_here(plan_of, records: RecordStore, attempts) -> None:
    plan = plan_of("well", seeds="0-1")
    with Claims(records.folder) as other:
        assert other.take(plan.runs[0].key, "the same run")
        threading.Timer(0.5, other.give_back, [plan.runs[0].key]).start()
        summary = run(plan, records)
    assert summary.counts == {"ok": 2}
    assert sorted(seed for _how, seed, *_times in attempts()) == [0, 1]


def test_a_record_from_before_does_not_keep_a_run_from_being_done_again(plan_of, records: RecordStore) -> None:
    plan = plan_of("well")
    run(plan, records)
    assert run(plan, records, only="all").counts == {"ok": 1}


@pytest.fixture
def command(moody: Path, notes: Path, results: Path) -> list[str]:
    """Ten runs, two at a time, as another process does them."""
    arguments = ["run", "--methods", "moody", "--datasets", "blobs", "--seeds", "0-9", "--plugins", str(moody)]
    arguments += ["--set", f"moody.notes={notes}", "--results", str(results), "--tracking-uri", "none", "--jobs", "2"]
    return [sys.executable, "-c", f"from bench.cli import main; main({arguments!r})"]


def test_the_work_goes_on_at_once_after_the_parent_was_killed(
    command: list[str], plan_of, records: RecordStore, attempts
) -> None:
    process = subprocess.Popen(command)
    while not list(records.records.glob("*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    kept = [record.key for record in records]
    before = len(attempts())
    assert run(plan_of("well", seeds="0-9"), records).counts == {"ok": 10 - len(kept)}
    assert len(attempts()) - before == 10 - len(kept)
    assert len(list(records)) == 10


def test_two_invocations_share_the_work(command: list[str], results: Path, attempts) -> None:
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _each in "12"]
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sorted(seed for _how, seed, *_times in attempts()) == list(range(10))
    assert [record.status for record in RecordStore(results)] == ["ok"] * 10


def test_longer_runs_of_the_last_time_start_first(plan_of, records: RecordStore, attempts) -> None:
    run(plan_of("well", "raise", "oom"), records)
    for record in list(records):
        seconds = {"well": 5.0, "oom": 50.0}.get(record.spec.method_params["how"])
        records.write(record.model_copy(update={"status": "ok", "fit_seconds": seconds}))
    before = len(attempts())
    selection = select_runs(plan_of("well", "oom", seeds="1"), records)
    assert sorted(selection.expected.values()) == [5.0, 50.0]
    carry_out(selection, records, LocalEngine(SLOTS[:1]))
    assert [how for how, *_rest in attempts()[before:]] == ["oom", "well"]


def test_no_run_goes_on_when_the_listener_leaves(plan_of, records: RecordStore, monkeypatch) -> None:
    def full(_self: RecordStore, _record: Record) -> None:
        raise ResultsError("no space")

    monkeypatch.setattr(RecordStore, "write", full)
    begun = threading.active_count()
    with pytest.raises(ResultsError, match="no space"):
        run(plan_of("well", seeds="0-9"), records)
    assert threading.active_count() == begun
    with Claims(records.folder) as claims:
        assert claims.held() == []


def test_a_mistake_of_the_harness_comes_through(plan_of, records: RecordStore) -> None:
    class Mistaken(Silent):
        def started(self, run, slot) -> None:
            raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        run(plan_of("well", seeds="0-3"), records, listeners=[Mistaken()])


def test_a_second_interruption_records_what_is_left_and_tells_nobody(plan_of, records: RecordStore) -> None:
    heard = []

    class Impatient(Silent):
        def started(self, run, slot) -> None:
            os.kill(os.getpid(), signal.SIGINT)

        def ended(self, run, record) -> None:
            heard.append(record.status)
            signal.raise_signal(signal.SIGINT)

    selection = select_runs(plan_of("well", seeds="0-99"), records)
    summary = carry_out(selection, records, LocalEngine(SLOTS[:1]), listeners=[Impatient()])
    assert summary.interrupted
    assert summary.counts == {"interrupted": 100}
    assert [record.status for record in records] == ["interrupted"] * 100
    assert heard == ["interrupted"]
