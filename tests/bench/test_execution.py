"""Runs in processes of their own: every way to end, for real."""

from __future__ import annotations

import os
import re
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.execution.isolate import context, run_isolated
from bench.execution.job import Cost, Job, Outcome, Slot
from bench.execution.memory import free_memory, need_mb
from bench.execution.slots import local_slots
from bench.plan import make_plan
from bench.registry import Registry
from bench.suite import Grid, Suite

SLOT = Slot(0, "cpu", (0,))


@pytest.fixture
def job(plugins: Path, tmp_path: Path):
    plan = make_plan(Suite(grid=[Grid(methods=["faulty"], datasets=["blobs"])]), Registry([plugins]), Store(()))
    run = plan.runs[0]

    def make(how: str, timeout: float | None = None) -> Job:
        entry = run.method
        log = tmp_path / f"{how}.log"
        return Job(entry.module, entry.class_name, entry.path, {"how": how}, 0, run.prepared.folder, log, timeout)

    return make


def run_it(job: Job, stop: threading.Event | None = None, on_epoch=None) -> Outcome:
    return run_isolated(job, SLOT, processes=context(), stop=stop or threading.Event(), on_epoch=on_epoch)


def test_a_run_brings_home_labels_history_and_embedding(job) -> None:
    heard = []
    outcome = run_it(job("well"), on_epoch=lambda row, total: heard.append((row, total)))
    finished = outcome.finished
    assert finished.status == "ok"
    assert finished.labels.shape == (600,)
    assert finished.embedding.shape == (600, 2)
    assert finished.fit_seconds >= 0
    assert finished.peak_rss_mb > 10
    assert outcome.history == [{"epoch": 0.0, "loss": 1.0}, {"epoch": 1.0, "loss": 0.5}]
    assert heard == [({"epoch": 0.0, "loss": 1.0}, 2), ({"epoch": 1.0, "loss": 0.5}, 2)]
    assert outcome.started <= outcome.ended


def test_the_seed_decides(job) -> None:
    assert np.array_equal(run_it(job("well")).finished.labels, run_it(job("well")).finished.labels)


def test_what_fit_prints_goes_to_the_log(job, capfd: pytest.CaptureFixture[str]) -> None:
    well = job("well")
    run_it(well)
    assert well.log.read_text() == "a word from fit\n"
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("how", "status", "error_type", "reason"),
    [
        ("raise", "error", "RuntimeError", "RuntimeError: the method's own mistake"),
        ("memory", "oom", "MemoryError", "MemoryError: no room"),
        ("killed", "error", "SIGKILL", "killed by SIGKILL"),
        ("segfault", "error", "SIGSEGV", "killed by SIGSEGV"),
        ("exit", "error", "ProcessEnded", "exit code 3"),
        ("float", "error", "InvalidInputError", "integer type"),
        ("range", "error", "InvalidInputError", r"must lie in 0 \.\. 2"),
    ],
)
def test_every_bad_end_has_its_status(job, how: str, status: str, error_type: str, reason: str) -> None:
    outcome = run_it(job(how))
    assert outcome.finished.status == status
    assert outcome.finished.error_type == error_type
    assert outcome.finished.labels is None
    assert re.search(reason, outcome.finished.reason)
    assert "\n" not in outcome.finished.reason
    assert outcome.history == [{"epoch": 0.0, "loss": 1.0}]


def test_the_traceback_is_in_the_log(job) -> None:
    failing = job("raise")
    run_it(failing)
    assert "the method's own mistake" in failing.log.read_text()


def _children_of_runs() -> list[psutil.Process]:
    return [child for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE]


def test_a_run_that_hangs_is_killed_even_if_it_ignores_sigterm(job) -> None:
    run_it(job("well"))  # the fork server is up
    before = len(_children_of_runs())
    outcome = run_it(job("hang", timeout=1.0))
    assert outcome.finished.status == "timeout"
    assert "time-out of 1 s" in outcome.finished.reason
    assert outcome.history == [{"epoch": 0.0, "loss": 1.0}]
    assert len(_children_of_runs()) == before


def test_an_interrupted_run_ends_at_once(job) -> None:
    stop = threading.Event()
    outcomes = []
    thread = threading.Thread(target=lambda: outcomes.append(run_it(job("hang"), stop)))
    thread.start()
    time.sleep(1.0)
    stop.set()
    thread.join(timeout=20)
    assert outcomes[0].finished.status == "interrupted"


def test_after_an_interruption_nothing_starts(job) -> None:
    stop = threading.Event()
    stop.set()
    outcome = run_it(job("well"), stop)
    assert outcome.finished.status == "interrupted"
    assert "not started" in outcome.finished.reason


def test_cpu_slots_share_the_cores() -> None:
    slots = local_slots("cpu", jobs=1)
    assert [slot.device for slot in slots] == ["cpu"]
    every = slots[0].cores
    assert sorted(core for slot in local_slots("cpu", jobs=len(every)) for core in slot.cores) == sorted(every)
    assert len(local_slots("cpu", jobs=len(every) + 3)) == len(every) + 3


def test_cuda_slots_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    assert [slot.device for slot in local_slots("auto")] == ["cuda:0", "cuda:1", "cuda:2"]
    assert [slot.device for slot in local_slots("cuda:0,2", jobs=4)] == ["cuda:0", "cuda:2", "cuda:0", "cuda:2"]
    assert [slot.device for slot in local_slots("cuda:0,2", per_device=2)] == ["cuda:0", "cuda:2", "cuda:0", "cuda:2"]


def _fake_gpus(folder: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """An nvidia-smi that answers so."""
    script = folder / "nvidia-smi"
    script.write_text("#!/bin/sh\n" + "".join(f"echo '{line}'\n" for line in lines))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_auto_makes_as_many_slots_as_the_memory_of_the_gpus_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_gpus(tmp_path, monkeypatch, "0, GPU-aa, 80000", "1, GPU-bb, 9000")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    monkeypatch.setattr("bench.execution.slots._cores", lambda: list(range(64)))
    assert free_memory(["cuda:0", "cuda:1"]) == {"cuda:0": 80000.0, "cuda:1": 9000.0}
    small = Cost(gpu_mb=1000.0)
    assert len(local_slots("cuda", per_device="auto", costs=[small])) == 2 * (9000 // need_mb(small, "cuda:0"))
    assert len(local_slots("cuda", per_device="auto")) == 2 * (9000 // need_mb(Cost(), "cuda:0"))
    assert len(local_slots("cuda", per_device="auto", costs=[Cost(gpu_mb=1.0)])) == 28
    monkeypatch.setattr("bench.execution.slots._cores", lambda: [0, 1])
    assert [slot.cores for slot in local_slots("cuda", per_device="auto", costs=[small])] == [(0,), (1,)]


def test_gpus_are_counted_as_a_framework_counts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_gpus(tmp_path, monkeypatch, "0, GPU-aa, 100", "1, GPU-bb, 200", "2, GPU-cc, [N/A]")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-a,2")
    assert free_memory(["cuda:0", "cuda:1", "cuda:2"]) == {"cuda:0": 200.0, "cuda:1": 100.0}
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert free_memory(["cuda:0"]) == {"cuda:0": 100.0}


def test_a_gpu_that_does_not_tell_its_memory_gets_one_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _fake_gpus(tmp_path, monkeypatch, "0, GPU-aa, [N/A]")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert len(local_slots("cuda", per_device="auto")) == 1


@pytest.mark.parametrize(
    ("device", "message"), [("gpu", "it takes auto"), ("cuda:7", "no CUDA device"), ("cuda", "no")]
)
def test_devices_that_are_not_there_are_refused(monkeypatch: pytest.MonkeyPatch, device: str, message: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InvalidInputError, match=message):
        local_slots(device)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"jobs": 0}, "--jobs 0"),
        ({"per_device": 0}, "--slots-per-device 0"),
        ({"jobs": 2, "per_device": 2}, "one of them"),
    ],
)
def test_numbers_that_make_no_slots_are_refused(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        local_slots("cpu", **numbers)


def test_the_folder_of_a_run_holds_the_classes_apart(job) -> None:
    folder = job("well").data
    assert {path.name for path in folder.iterdir()} == {"X.npy", "sensitive.npy", "y.npy", "facts.json"}
