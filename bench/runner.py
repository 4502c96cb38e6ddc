"""The main job: a plan in, one record for every run out.

Several invocations may share a results folder: a run is claimed before it starts and given back when its record is
written. Only this module writes records, whatever engine carries runs out.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from bench.claims import Claims
from bench.environment import environment
from bench.execution.engine import Admission, Engine
from bench.execution.isolate import utc_now
from bench.execution.job import Cost, Finished, Job, Outcome, Slot, Work
from bench.interruption import interruptible
from bench.listeners import Listener
from bench.pending import Selection, stamp
from bench.plan import REFERENCE, PlannedRun
from bench.record import SETTLED, Record, pack_labels, without_folders
from bench.records import RecordStore, RecordWarning
from bench.scoring import score

__all__ = ["Summary", "carry_out"]


@dataclass
class Summary:
    """What an invocation did.

    Parameters
    ----------
    counts : Counter
        Runs by status.
    elsewhere : int
        Runs that another invocation on the same results folder has done meanwhile.
    not_run : int
        Runs that did not start after too many had failed.
    interrupted : bool
        Whether the user stopped it.
    """

    counts: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0
    not_run: int = 0
    interrupted: bool = False


def carry_out(
    selection: Selection,
    records: RecordStore,
    engine: Engine,
    *,
    listeners: Sequence[Listener] = (),
    timeout: float | None = None,
    memory_mb: float | None = None,
) -> Summary:
    """Run what is selected and write one record for each.

    Parameters
    ----------
    selection : Selection
        What to run.
    records : RecordStore
        Where records go; its folder must be writable.
    engine : Engine
        What carries runs out, and where.
    listeners : sequence of Listener
        Told of everything; of ``started`` and ``epoch`` in any thread.
    timeout : float, optional
        Seconds a run may take, in place of the suite's.
    memory_mb : float, optional
        Resident memory in MiB that a run may take.

    Raises
    ------
    ResultsError
        If a record cannot be written; running processes are ended first.
    """
    summary = Summary()
    for listener in listeners:
        listener.planned(selection, engine.slots)
    if not selection.todo:
        return summary
    with interruptible() as interruption, Claims(records.folder) as claims:
        claims.announce((run.key for run in selection.todo), selection.stamps)
        desk = _Desk(selection, records, claims, listeners)
        limits = _Limits(timeout, memory_mb)
        with closing(_outcomes(selection, records, engine, interruption.stop, desk, limits)) as outcomes:
            for run, outcome, slot in outcomes:
                if outcome is None:
                    _count_unrun(run, desk, summary)
                    continue
                record = _record(run, outcome, slot)
                _keep(record, outcome, records)
                claims.give_back(run.key)
                summary.counts[record.status] += 1
                # Who interrupts a second time wants the end, and trackers can be brought up to date later.
                for listener in () if interruption.repeated else listeners:
                    listener.ended(run, record)
        summary.interrupted = interruption.stop.is_set()
    return summary


@dataclass(frozen=True)
class _Limits:
    timeout: float | None
    memory_mb: float | None


class _Desk:
    """What the engine asks and tells, see :class:`bench.execution.engine.Desk`."""

    def __init__(
        self, selection: Selection, records: RecordStore, claims: Claims, listeners: Sequence[Listener]
    ) -> None:
        self.runs = {run.key: run for run in selection.todo}
        self.stamps = selection.stamps
        self.records = records
        self.claims = claims
        self.listeners = listeners
        self.claimed: set[str] = set()
        self.done_elsewhere: set[str] = set()

    def admit(self, work: Work) -> Admission:
        """Claim the run, unless it is claimed already, and look again whether it is done."""
        if work.key in self.claimed:
            return "start"
        if not self.claims.take(work.key, work.name):
            return "later"
        if self._settled_meanwhile(work.key):
            self.claims.give_back(work.key)
            self.done_elsewhere.add(work.key)
            return "done"
        self.claimed.add(work.key)
        return "start"

    def started(self, work: Work, slot: Slot) -> None:
        """Pass it on."""
        for listener in self.listeners:
            listener.started(self.runs[work.key], slot)

    def epoch(self, work: Work, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Pass it on."""
        self.claims.note(work.key, epoch=int(row["epoch"]) + 1, n_epochs=n_epochs)
        for listener in self.listeners:
            listener.epoch(self.runs[work.key], slot, row, n_epochs)

    def _settled_meanwhile(self, key: str) -> bool:
        if stamp(key, self.records) == self.stamps.get(key):
            return False
        with warnings.catch_warnings():
            # Whoever reads records next will be told of one that is unreadable.
            warnings.simplefilter("ignore", RecordWarning)
            record = self.records.read(key)
        return record is not None and record.status in SETTLED


def _count_unrun(run: PlannedRun, desk: _Desk, summary: Summary) -> None:
    if run.key not in desk.done_elsewhere:
        summary.not_run += 1
        return
    summary.elsewhere += 1
    for listener in desk.listeners:
        listener.left_to_others(run)


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
    selection: Selection,
    records: RecordStore,
    engine: Engine,
    stop: threading.Event,
    desk: _Desk,
    limits: _Limits,
) -> Generator[tuple[PlannedRun, Outcome | None, Slot | None]]:
    works: list[Work] = []
    for run in selection.todo:
        if run.decided is not None or run.method is REFERENCE:
            yield run, _without_process(run), None
        else:
            works.append(_work(run, records, selection.costs.get(run.key, Cost()), limits))
    with closing(engine.outcomes(works, stop, desk)) as outcomes:
        for work, outcome, slot in outcomes:
            yield desk.runs[work.key], outcome, slot


def _without_process(run: PlannedRun) -> Outcome:
    now = utc_now()
    if run.decided is not None:
        return Outcome(Finished(*run.decided), [], now, now)
    labels = run.prepared.y() if run.prepared else None
    return Outcome(Finished("ok", labels=labels, fit_seconds=0.0), [], now, now)


def _work(run: PlannedRun, records: RecordStore, cost: Cost, limits: _Limits) -> Work:
    if run.prepared is None:
        raise ValueError(f"{run} has no data")
    job = Job(
        module=run.method.module,
        class_name=run.method.class_name,
        path=run.method.path,
        params=run.spec.method_params,
        seed=run.spec.seed,
        data=run.prepared.folder,
        log=records.log_path(run.key),
        timeout=limits.timeout or run.timeout,
        memory_mb=limits.memory_mb,
        entry=run.method,
    )
    return Work(run.key, str(run), run.spec, job, run.info.requires, run.info.family, cost)


def _record(run: PlannedRun, outcome: Outcome, slot: Slot | None) -> Record:
    finished = outcome.finished
    where = outcome.environment or environment()
    metrics: dict[str, float | None] = {}
    if finished.labels is not None and run.prepared is not None:
        data = run.prepared
        metrics = score(run.spec, finished.labels, y=data.y(), sensitive=data.sensitive(), k=data.k, custom=run.metrics)
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
        cpu=where.cpu,
        gpu=finished.gpu,
        threads=len(slot.cores) if slot else 0,
        precision=finished.precision,
        versions=where.versions,
        commit=where.commit,
        dirty=where.dirty,
        suite=run.suite,
        data_note=run.prepared.note if run.prepared else "",
        tuned=run.tuned,
    )
