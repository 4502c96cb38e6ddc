"""Which of the requested runs an invocation starts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from bench.execution.costs import Costs, recent
from bench.execution.job import Cost
from bench.plan import Plan, PlannedRun
from bench.record import SETTLED
from bench.records import RecordStore

__all__ = ["Only", "Selection", "select_runs", "stamp"]

Only = Literal["missing", "failed", "timeout", "oom", "all"]

_STATUS_OF: dict[str, str] = {"failed": "error", "timeout": "timeout", "oom": "oom"}


@dataclass
class Selection:
    """Which of the requested runs will start.

    Parameters
    ----------
    todo : list of PlannedRun
        Those that will, in the order asked for.
    skipped : Counter
        The others, by the status of the record they have.
    costs : dict
        What those that will start probably take, by run key.
    stamps : dict
        When their records were written, those that have one, in nanoseconds by run key: a later one is another
        invocation's.
    """

    todo: list[PlannedRun] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    costs: dict[str, Cost] = field(default_factory=dict)
    stamps: dict[str, int] = field(default_factory=dict)

    @property
    def expected(self) -> dict[str, float]:
        """Seconds that runs will probably take, by run key, where earlier ones were measured."""
        return {key: cost.seconds for key, cost in self.costs.items() if cost.seconds is not None}


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
        written = stamp(run.key, records)
        known = records.read(run.key)
        status = known.status if known else None
        wanted = only == "all" or status == _STATUS_OF.get(only)
        if only == "missing":
            wanted = status not in SETTLED
        if wanted:
            selection.todo.append(run)
            if written is not None:
                selection.stamps[run.key] = written
        else:
            selection.skipped[status or "not run"] += 1
    if selection.todo:
        costs = Costs(recent(records))
        selection.costs = {run.key: costs.of(run.spec) for run in selection.todo}
    return selection


def stamp(key: str, records: RecordStore) -> int | None:
    """When the record of `key` was written, in nanoseconds, or None when there is none."""
    try:
        return records.path(key).stat().st_mtime_ns
    except OSError:
        return None
