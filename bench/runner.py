"""The main job: a plan in, one record for every run out."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Literal, Protocol

from bench.environment import code_version, cpu_model, package_versions
from bench.execution.engine import run_locally
from bench.execution.isolate import context, run_isolated, utc_now
from bench.execution.job import Finished, Job, Outcome, Slot
from bench.plan import REFERENCE, Plan, PlannedRun
from bench.record import SETTLED, Record, pack_labels, without_folders
from bench.records import RecordStore
from bench.scoring import score

__all__ = ["Listener", "OnRecord", "Only", "Selection", "Silent", "Summary", "carry_out", "select_runs"]

Only = Literal["missing", "failed", "timeout", "oom", "all"]

_STATUS_OF: dict[str, str] = {"failed": "error", "timeout": "timeout", "oom": "oom"}
# Long runs first, so that none is left alone at the end.
_FAMILY_ORDER = {"deep": 0, "shallow": 1, "control": 2}


class Listener(Protocol):
    """Who is told how it goes: the live view, the tracker."""

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """The runs of `selection` will start."""

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """`run` begins on `slot`."""

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """The method has logged an epoch."""

    def ended(self, run: PlannedRun, record: Record) -> None:
        """The record of `run` is written."""


class Silent:
    """A listener that says nothing."""

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """Say nothing."""

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """Say nothing."""

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Say nothing."""

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Say nothing."""


class OnRecord(Silent):
    """A listener that passes every record on, to a tracker for example."""

    def __init__(self, tell: Callable[[Record], None]) -> None:
        self.tell = tell

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Pass the record on."""
        self.tell(record)


@dataclass
class Selection:
    """Which of the requested runs will start.

    Parameters
    ----------
    todo : list of PlannedRun
        Those that will, in the order in which they should.
    skipped : Counter
        The others, by the status of the record they have.
    """

    todo: list[PlannedRun] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


@dataclass
class Summary:
    """What an invocation did.

    Parameters
    ----------
    counts : Counter
        Runs by status.
    interrupted : bool
        Whether the user stopped it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    interrupted: bool = False


def select_runs(plan: Plan, records: RecordStore, only: Only = "missing") -> Selection:
    """Choose the runs to start.

    Parameters
    ----------
    plan : Plan
        Requested runs.
    records : RecordStore
        What has been run.
    only : {"missing", "failed", "timeout", "oom", "all"}
        Runs without a settled record, runs that ended so, or all.
    """
    selection = Selection()
    for run in plan.runs:
        known = records.read(run.key)
        status = known.status if known else None
        wanted = only == "all" or status == _STATUS_OF.get(only)
        if only == "missing":
            wanted = status not in SETTLED
        if wanted:
            selection.todo.append(run)
        else:
            selection.skipped[status or "not run"] += 1
    selection.todo.sort(key=lambda run: _FAMILY_ORDER[run.info.family])
    return selection


def carry_out(
    selection: Selection,
    records: RecordStore,
    slots: Sequence[Slot],
    *,
    listeners: Sequence[Listener] = (),
    timeout: float | None = None,
) -> Summary:
    """Run what is selected and write one record for each.

    Parameters
    ----------
    selection : Selection
        What to run.
    records : RecordStore
        Where records go; its folder must be writable.
    slots : sequence of Slot
        Where runs go.
    listeners : sequence of Listener
        Told of everything; of ``started`` and ``epoch`` in the threads of the slots.
    timeout : float, optional
        Seconds a run may take, in place of the suite's.

    Raises
    ------
    ResultsError
        If a record cannot be written; running processes are ended first.
    """
    summary = Summary()
    for listener in listeners:
        listener.planned(selection, slots)
    with (
        _interruptible() as stop,
        closing(_outcomes(selection.todo, records, slots, stop, listeners, timeout)) as outcomes,
    ):
        for run, outcome, slot in outcomes:
            record = _record(run, outcome, slot)
            _keep(record, outcome, records)
            summary.counts[record.status] += 1
            for listener in listeners:
                listener.ended(run, record)
        summary.interrupted = stop.is_set()
    return summary


def _keep(record: Record, outcome: Outcome, records: RecordStore) -> None:
    if record.status == "interrupted":
        earlier = records.read(record.key)
        if earlier is not None and earlier.status in SETTLED:
            # A run that was asked for again and did not come to its end takes nothing away.
            return
    records.write(record)
    if outcome.finished.embedding is not None:
        records.write_embedding(record.key, outcome.finished.embedding)


def _outcomes(
    todo: Sequence[PlannedRun],
    records: RecordStore,
    slots: Sequence[Slot],
    stop: threading.Event,
    listeners: Sequence[Listener],
    timeout: float | None,
) -> Generator[tuple[PlannedRun, Outcome, Slot | None]]:
    started = [run for run in todo if run.decided is None and run.method is not REFERENCE]
    for run in todo:
        if run.decided is not None or run.method is REFERENCE:
            yield run, _without_process(run), None
    if not started:
        return
    processes = context(sorted({name for run in started for name in run.info.requires}))

    def on_slot(run: PlannedRun, slot: Slot) -> tuple[Outcome, Slot]:
        """Carry out one run on the slot that is free, and tell the listeners of it."""
        for listener in listeners:
            listener.started(run, slot)

        def on_epoch(row: Mapping[str, float], n_epochs: int) -> None:
            for listener in listeners:
                listener.epoch(run, slot, row, n_epochs)

        job = _job(run, records, timeout)
        return run_isolated(job, slot, processes=processes, stop=stop, on_epoch=on_epoch), slot

    with closing(run_locally(started, slots, on_slot, stop)) as results:
        for run, (outcome, slot) in results:
            yield run, outcome, slot


def _without_process(run: PlannedRun) -> Outcome:
    now = utc_now()
    if run.decided is not None:
        return Outcome(Finished(*run.decided), [], now, now)
    labels = run.prepared.y() if run.prepared else None
    return Outcome(Finished("ok", labels=labels, fit_seconds=0.0), [], now, now)


def _job(run: PlannedRun, records: RecordStore, timeout: float | None) -> Job:
    if run.prepared is None:
        raise ValueError(f"{run} has no data")
    return Job(
        module=run.method.module,
        class_name=run.method.class_name,
        path=run.method.path,
        params=run.spec.method_params,
        seed=run.spec.seed,
        data=run.prepared.folder,
        log=records.log_path(run.key),
        timeout=timeout or run.timeout,
    )


def _record(run: PlannedRun, outcome: Outcome, slot: Slot | None) -> Record:
    finished = outcome.finished
    commit, dirty = code_version()
    metrics: dict[str, float | None] = {}
    if finished.labels is not None and run.prepared is not None:
        data = run.prepared
        metrics = score(run.spec, finished.labels, y=data.y(), sensitive=data.sensitive(), k=data.k)
    return Record(
        key=run.key,
        spec=run.spec,
        status=finished.status,
        reason=without_folders(finished.reason),
        error_type=finished.error_type,
        metrics=metrics,
        history=[dict(row) for row in outcome.history],
        labels="" if finished.labels is None else pack_labels(finished.labels),
        fit_seconds=finished.fit_seconds,
        peak_rss_mb=finished.peak_rss_mb,
        peak_gpu_mb=finished.peak_gpu_mb,
        started=outcome.started,
        ended=outcome.ended,
        device=slot.device if slot else "",
        cpu=cpu_model(),
        gpu=finished.gpu,
        threads=len(slot.cores) if slot else 0,
        precision=finished.precision,
        versions=package_versions(),
        commit=commit,
        dirty=dirty,
        suite=run.suite,
        data_note=run.prepared.note if run.prepared else "",
    )


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn Ctrl-C into an event: what runs is ended and recorded, instead of an exception in mid-write."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
