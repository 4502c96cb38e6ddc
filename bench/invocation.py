"""One invocation: a plan in, its runs chosen, carried out, recorded and tracked; from a command or from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Literal, get_args

from bench.errors import InvalidInputError, UnknownNameError
from bench.execution.engine import Engine, LocalEngine
from bench.execution.job import Cost, Policy
from bench.execution.slots import local_slots
from bench.listeners import Listener, OnRecord
from bench.pending import Only, select_runs
from bench.plan import Plan
from bench.records import RecordStore
from bench.runner import Summary, carry_out
from bench.tracking import Tracker, resolve_uri

__all__ = ["Invocation"]


@dataclass(frozen=True)
class Invocation:
    """How runs are carried out; none of it decides what comes of them.

    Parameters
    ----------
    only : {"missing", "failed", "timeout", "oom", "all"}
        Which of the requested runs to start, see :func:`bench.pending.select_runs`.
    device, jobs, slots_per_device
        Where runs go, see :func:`bench.execution.slots.local_slots`.
    engine : str, optional
        Address of a Dask cluster, or its scheduler's file; by default this machine.
    timeout : float, optional
        Seconds a run may take, in place of the suite's.
    memory_mb : float, optional
        Resident memory in MiB that a run may take.
    policy : Policy
        What becomes of failures.
    tracking_uri : str, optional
        MLflow store; ``"none"`` for no tracking, by default that of the environment or of the results folder.

    Raises
    ------
    InvalidInputError
        For devices, numbers or an address that cannot be, before any data are prepared.
    UnknownNameError
        For another word as `only`.
    """

    only: Only = "missing"
    device: str = "auto"
    jobs: int | None = None
    slots_per_device: int | Literal["auto"] | None = None
    engine: str | None = None
    timeout: float | None = None
    memory_mb: float | None = None
    policy: Policy = field(default_factory=Policy)
    tracking_uri: str | None = None

    def __post_init__(self) -> None:
        if self.only not in get_args(Only):
            raise UnknownNameError("choice of runs", str(self.only), get_args(Only))
        if self.engine is None:
            local_slots(self.device, self.jobs, self.slots_per_device)
            return
        from bench.execution.cluster import scheduler_address

        for option, given in (("--jobs", self.jobs), ("--slots-per-device", self.slots_per_device)):
            if given is not None:
                raise InvalidInputError(
                    f"{option} and --engine given; how many runs at a time each worker says, with --nthreads and "
                    "--resources GPU=N"
                )
        scheduler_address(self.engine)

    def carry_out(
        self,
        plan: Plan,
        records: RecordStore,
        *,
        name: str,
        tell: Callable[[str], None],
        view: AbstractContextManager[Listener] | None = None,
    ) -> Summary:
        """Run what is to be run of `plan`; one record for each.

        Parameters
        ----------
        plan : Plan
            Requested runs.
        records : RecordStore
            Where records go; prepared.
        name : str
            Name of the parent run in MLflow.
        tell : callable
            Takes one line about what is left out or what is wrong with MLflow.
        view : context manager of a Listener, optional
            Told of everything while it runs.

        Raises
        ------
        ResultsError
            If a record cannot be written.
        """
        uri = resolve_uri(self.tracking_uri, records.folder)
        for line in plan.left_out:
            tell(f"left out {line}")
        selection = select_runs(plan, records, self.only)
        with ExitStack() as stack:
            engine = stack.enter_context(self._engine(selection.costs.values()))
            # An invocation that finds everything done leaves no empty run in MLflow.
            tracker = stack.enter_context(Tracker(uri if selection.todo else None, records.folder, name=name))
            told = tracker.problem
            if told:
                tell(told)
            listeners: list[Listener] = [OnRecord(tracker.log)]
            if view is not None:
                listeners.append(stack.enter_context(view))
            summary = carry_out(
                selection, records, engine, listeners=listeners, timeout=self.timeout, memory_mb=self.memory_mb
            )
            tracker.close("KILLED" if summary.interrupted else "FINISHED")
        if tracker.problem and not told:
            tell(tracker.problem)
        return summary

    def _engine(self, costs: Iterable[Cost]) -> AbstractContextManager[Engine]:
        if self.engine is None:
            slots = local_slots(self.device, self.jobs, self.slots_per_device, costs)
            return nullcontext(LocalEngine(slots, self.policy))
        from bench.execution.cluster import ClusterEngine

        return ClusterEngine(self.engine, self.policy, self.device)
