"""What one sees while it runs."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from bench.cli import view
from bench.data.store import Store
from bench.execution.job import Slot
from bench.plan import PlannedRun, make_plan
from bench.record import Record
from bench.registry import Registry
from bench.runner import Selection
from bench.suite import Grid, Suite

SLOT = Slot(0, "cpu", (0,))


@pytest.fixture
def run() -> PlannedRun:
    return make_plan(Suite(grid=[Grid(methods=["kmeans"], datasets=["blobs"])]), Registry(), Store(())).runs[0]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(view.time, "monotonic", lambda: now[0])
    return now


def told(console: Console) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", console.file.getvalue())


def test_a_pipe_gets_a_line_a_minute_and_a_line_at_the_end(run: PlannedRun, clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=200)
    with view.view_for(console) as plain:
        plain.planned(Selection(todo=[run]), [SLOT])
        plain.started(run, SLOT)
        for epoch in range(10):
            clock[0] += 20
            plain.epoch(run, SLOT, {"epoch": float(epoch), "loss": 0.5}, 10)
        record = Record(key=run.key, spec=run.spec, status="ok", metrics={"acc": 0.5}, fit_seconds=200.0)
        plain.ended(run, record)
    lines = told(console).splitlines()
    assert lines[0] == "1 runs on 1 slots (cpu)"
    assert lines[1] == "slot 0: kmeans on blobs, seed 0: epoch 4/10, loss 0.5000, 1:20 so far, about 2:00 left"
    assert lines[-1] == "[1/1] ok             kmeans on blobs, seed 0: 200.0 s, ACC 50.0"
    assert len(lines) == 4


def test_a_method_without_a_loss_is_told_without_one_and_the_last_epoch_not_at_all(
    run: PlannedRun, clock: list[float]
) -> None:
    console = Console(file=io.StringIO(), width=200)
    with view.view_for(console) as plain:
        plain.started(run, SLOT)
        for epoch in range(2):
            clock[0] += 90
            plain.epoch(run, SLOT, {"epoch": float(epoch), "balance": 0.5}, 2)
    assert told(console).splitlines() == ["slot 0: kmeans on blobs, seed 0: epoch 1/2, 1:30 so far, about 1:30 left"]


def test_a_terminal_shows_every_slot_and_the_end_in_sight(run: PlannedRun, clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with view.view_for(console) as live:
        live.planned(Selection(todo=[run]), [SLOT])
        live.started(run, SLOT)
        clock[0] += 30
        live.epoch(run, SLOT, {"epoch": 2.0, "loss": 0.25}, 9)
        live.live.refresh()
    screen = told(console)
    assert re.search(r"0\s+kmeans on blobs, seed 0\s+3/9\s+0\.2500\s+0:30\s+1:00", screen)
    assert "0 of 1 runs, 0:30 so far" in screen


def test_nothing_to_do_is_said(run: PlannedRun) -> None:
    console = Console(file=io.StringIO(), width=200)
    view.PlainView(console).planned(Selection(skipped={"ok": 3, "timeout": 1}), [SLOT])
    assert told(console).splitlines() == [
        "3 requested runs have a record already: ok",
        "1 requested runs have a record already: timeout (--only timeout tries them again)",
        "nothing to do",
    ]
