"""What one sees while it runs."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bench.cli import view
from bench.cli.estimate import Estimate
from bench.data.store import Store
from bench.execution.job import Cost, Slot
from bench.pending import Selection
from bench.plan import PlannedRun, make_plan
from bench.record import Record
from bench.registry import Registry
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


def test_a_name_is_no_markup(run: PlannedRun) -> None:
    hostile = replace(run, spec=run.spec.model_copy(update={"method": "[/] k[red]means"}))
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with view.view_for(console) as live:
        live.planned(Selection(todo=[hostile]), [SLOT])
        live.started(hostile, SLOT)
        live.live.refresh()
    assert "[/] k[red]means on blobs, seed 0" in told(console)


def test_nothing_to_do_is_said(run: PlannedRun) -> None:
    console = Console(file=io.StringIO(), width=200)
    view.PlainView(console).planned(Selection(skipped={"ok": 3, "timeout": 1}), [SLOT])
    assert told(console).splitlines() == [
        "3 requested runs have a record already: ok",
        "1 requested runs have a record already: timeout (--only timeout tries them again)",
        "nothing to do",
    ]


def planned_runs(methods: str, seeds: str) -> list[PlannedRun]:
    grid = Grid(methods=[methods], datasets=["blobs"], seeds=seeds)
    return list(make_plan(Suite(grid=[grid]), Registry(), Store(())).runs)


def end(plain: view.PlainView, run: PlannedRun, status: str = "ok") -> None:
    plain.ended(run, Record(key=run.key, spec=run.spec, status=status, reason="" if status == "ok" else "why"))


def test_the_end_is_told_from_the_runs_that_have_ended(clock: list[float]) -> None:
    first, second, *rest = planned_runs("kmeans", "0-5")
    console = Console(file=io.StringIO(), width=200)
    plain = view.PlainView(console)
    plain.planned(Selection(todo=[first, second, *rest]), [SLOT, Slot(1, "cpu", (1,))])
    plain.started(first, SLOT)
    plain.started(second, Slot(1, "cpu", (1,)))
    clock[0] += 100
    end(plain, first, "error")
    assert told(console).splitlines()[-2:] == [
        "[1/6] error          kmeans on blobs, seed 0: why",
        # Four that wait, 100 s each, on two slots; the one that goes on is about to end.
        "1 of 6 runs, 1 error, 1:40 so far, about 3:20 left",
    ]
    plain.started(rest[0], SLOT)
    clock[0] += 10
    end(plain, second)
    assert told(console).splitlines()[-1].startswith("[2/6] ok")


def test_the_end_is_told_from_earlier_records_before_any_run_has_ended(clock: list[float]) -> None:
    runs = planned_runs("kmeans,random", "0")
    slow, fast = sorted(runs, key=lambda run: run.spec.method)
    console = Console(file=io.StringIO(), width=200)
    plain = view.PlainView(console)
    plain.planned(Selection(todo=runs, costs={slow.key: Cost(300.0), fast.key: Cost(60.0)}), [SLOT])
    plain.started(slow, SLOT)
    clock[0] += 100
    plain.tell_all()
    assert told(console).splitlines()[-1] == "0 of 2 runs, 1:40 so far, about 4:20 left"
    # Its own epochs say more of a run than what it took another time.
    plain.epoch(slow, SLOT, {"epoch": 0.0}, 5)
    plain.tell_all()
    assert told(console).splitlines()[-1] == "0 of 2 runs, 1:40 so far, about 7:40 left"


def test_runs_of_another_invocation_are_taken_off(clock: list[float]) -> None:
    ours, theirs = planned_runs("kmeans", "0-1")
    console = Console(file=io.StringIO(), width=200)
    plain = view.PlainView(console)
    plain.planned(Selection(todo=[ours, theirs], costs={ours.key: Cost(30.0), theirs.key: Cost(90.0)}), [SLOT])
    plain.left_to_others(theirs)
    plain.tell_all()
    assert told(console).splitlines()[-1] == "0 of 1 runs, 0:00 so far, about 0:30 left"


def test_a_run_that_is_tried_again_on_another_slot_has_one_line(run: PlannedRun, clock: list[float]) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with view.view_for(console) as live:
        live.planned(Selection(todo=[run]), [SLOT, Slot(1, "cpu", (1,))])
        live.started(run, SLOT)
        live.started(run, Slot(1, "cpu", (1,)))
        assert list(live.running) == [1]
        end(live, run)
        assert live.running == {}


def test_two_runs_of_one_name_are_two_runs(run: PlannedRun, clock: list[float]) -> None:
    other = replace(run, spec=run.spec.model_copy(update={"method_params": {"n_init": 3}}))
    plain = view.PlainView(Console(file=io.StringIO(), width=200))
    plain.planned(Selection(todo=[run, other]), [SLOT, Slot(1, "cpu", (1,))])
    plain.started(run, SLOT)
    plain.started(other, Slot(1, "cpu", (1,)))
    end(plain, run)
    assert [progress.run for progress in plain.running.values()] == [other]


def test_the_clock_on_the_wall_may_be_set_back(run: PlannedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view.time, "time", lambda: 0.0)
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with view.view_for(console) as live:
        live.planned(Selection(todo=[run], costs={run.key: Cost(60.0)}), [SLOT])
        live.started(run, SLOT)
        live.live.refresh()
    assert "0 of 1 runs, 0:00 so far, about 1:00 left" in told(console)


DURATIONS = st.floats(0, 1e5)


@given(st.lists(DURATIONS, min_size=1, max_size=20), st.integers(1, 8))
def test_an_estimate_of_known_runs_lies_between_the_bounds_of_any_schedule(seconds: list[float], n_slots: int) -> None:
    keys = [str(number) for number in range(len(seconds))]
    estimate = Estimate(dict.fromkeys(keys, "m"), dict(zip(keys, seconds, strict=True)), n_slots)
    assert estimate.left([]) == pytest.approx(sum(seconds) / n_slots)
    for key in keys:
        estimate.begin(key)
    assert estimate.left([(0.0, left) for left in seconds]) == pytest.approx(max(max(seconds), sum(seconds) / n_slots))
    assert estimate.left([]) == pytest.approx(0, abs=1e-6)


def test_an_estimate_learns_by_method_and_does_not_guess_from_nothing() -> None:
    estimate = Estimate({"a": "slow", "b": "slow", "c": "fast", "d": "fast"}, {}, 1)
    assert estimate.left([]) is None
    estimate.begin("a")
    assert estimate.left([(7, None)]) is None
    # Three that wait are taken to be like the one that goes on.
    assert estimate.left([(7, 43)]) == 43 + 3 * 50
    assert estimate.left([(7, 43), (20, None)]) == 43 + 30 + 3 * 50
    estimate.end("a", 100)
    assert estimate.left([]) == 300
    estimate.begin("c")
    estimate.end("c", 1)
    assert estimate.left([]) == 101
    assert estimate.of("b") == 100
