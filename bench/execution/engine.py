"""What carries out runs: the protocol that every engine keeps, and the engine of this machine.

The engine of this machine starts its own threads rather than joblib's: what starts next is decided when a slot is free,
a run may start a second time, and one that another invocation holds has to wait, while joblib takes tasks from a list
in its order, once each.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Literal, Protocol

from bench.execution.isolate import context, run_isolated, utc_now
from bench.execution.job import Finished, Outcome, Policy, Slot, Work
from bench.execution.memory import free_memory
from bench.execution.scheduler import Scheduler

__all__ = ["Admission", "Begin", "Desk", "Ended", "Engine", "LocalEngine", "dispatch", "not_started"]

Admission = Literal["start", "later", "done"]
Ended = tuple[Work, Outcome | None, Slot | None]

# Starts a run on the slot that the scheduler chose, and returns at once. On a cluster the slot it gets is another.
Begin = Callable[[Work, Slot], Future[tuple[Outcome, Slot | None]]]

# How soon a run is asked for again that another invocation holds.
_SECONDS_UNTIL_ASKED_AGAIN = 1.0

_SECONDS_TO_A_SIGNAL = 0.5


class Desk(Protocol):
    """The runner, as an engine sees it: says what may start and is told how it goes."""

    def admit(self, work: Work) -> Admission:
        """Whether `work` may start; asked in the parent right before each start, by one thread at a time.

        Returns
        -------
        {"start", "later", "done"}
            ``"later"``: another invocation holds it, ask again in about a second. ``"done"``: there is a record by
            now; the engine yields ``(work, None, None)``.
        """

    def started(self, work: Work, slot: Slot) -> None:
        """`work` begins on `slot`; called in any thread of the parent, once for every attempt."""

    def epoch(self, work: Work, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """The method has logged an epoch; called in any thread of the parent."""


class Engine(Protocol):
    """Carries out runs somewhere. It writes no record: the parent does, of what the engine yields."""

    @property
    def slots(self) -> Sequence[Slot]:
        """Where runs may go, as far as that is known before the first one starts."""

    def outcomes(self, works: Sequence[Work], stop: threading.Event, desk: Desk) -> Generator[Ended]:
        """Carry out `works`.

        Parameters
        ----------
        works : sequence of Work
            In the order asked for; the engine may start them in another.
        stop : threading.Event
            Set when the user interrupts: what runs is ended, what waits does not start, and all of them are yielded
            as ``interrupted``. The engine sets it itself when the listener leaves before the end (closes the
            generator, or raises): then it ends what runs, yields nothing more and leaves no process behind.
        desk : Desk
            Asked before each start, and told how it goes.

        Yields
        ------
        tuple of (work, outcome, slot)
            Exactly one for every work, as they end. The outcome is None for a run that was not carried out: the desk
            said ``"done"``, or the policy's ``max_failures`` was reached before it started. The slot is None for a
            run that never started.

        Raises
        ------
        BenchError, OSError
            Whatever goes wrong in the harness itself, with all processes ended before.
        """


class LocalEngine:
    """Runs on slots of this machine, each in a process of its own.

    Parameters
    ----------
    slots : sequence of Slot
        As many runs at a time, as far as memory goes.
    policy : Policy, optional
        What to do about failures; by default no second try and no end.
    """

    def __init__(self, slots: Sequence[Slot], policy: Policy | None = None) -> None:
        self.slots = tuple(slots)
        self.policy = policy or Policy()

    def outcomes(self, works: Sequence[Work], stop: threading.Event, desk: Desk) -> Generator[Ended]:
        """Carry out `works`, see :meth:`Engine.outcomes`."""
        if not works:
            return
        memory = free_memory(slot.device for slot in self.slots)
        processes = context(sorted({name for work in works for name in work.requires}))

        def attempt(work: Work, slot: Slot) -> tuple[Outcome, Slot | None]:
            desk.started(work, slot)

            def on_epoch(row: Mapping[str, float], n_epochs: int) -> None:
                desk.epoch(work, slot, row, n_epochs)

            return run_isolated(work.job, slot, processes=processes, stop=stop, on_epoch=on_epoch), slot

        with ThreadPoolExecutor(len(self.slots), thread_name_prefix="slot") as threads:
            scheduler = Scheduler(works, self.slots, memory, self.policy)
            yield from dispatch(scheduler, lambda work, slot: threads.submit(attempt, work, slot), stop, desk)


def dispatch(scheduler: Scheduler, begin: Begin, stop: threading.Event, desk: Desk) -> Generator[Ended]:
    """Start what the scheduler decides and the desk admits, and yield what has ended, until all has.

    Parameters
    ----------
    scheduler : Scheduler
        Holds the runs.
    begin : callable
        Starts one. A run that ends without an outcome raises out of here.
    stop, desk
        As in :meth:`Engine.outcomes`; `stop` is set on leaving early.
    """
    heard_all = False
    try:
        yield from _Dispatch(scheduler, begin, stop, desk).until_done()
        heard_all = True
    finally:
        if not heard_all:
            stop.set()


class _Dispatch:
    def __init__(self, scheduler: Scheduler, begin: Begin, stop: threading.Event, desk: Desk) -> None:
        self.scheduler = scheduler
        self.begin = begin
        self.stop = stop
        self.desk = desk
        self.attempts: queue.SimpleQueue[tuple[Work, Slot, Future[tuple[Outcome, Slot | None]]]] = queue.SimpleQueue()

    def until_done(self) -> Generator[Ended]:
        """Start and wait in turn."""
        ended: list[Ended] = []
        while ended or not self.scheduler.done:
            # A slot that is free is used before the listener takes its time over what has ended.
            ended += self._withdrawn()
            ended += self._start()
            yield from ended
            ended = [] if self.scheduler.done else self._wait()

    def _withdrawn(self) -> list[Ended]:
        if self.stop.is_set():
            return [(work, not_started(), None) for work, _earlier in self.scheduler.withdraw()]
        if self.scheduler.gave_up:
            return [(work, earlier, None) for work, earlier in self.scheduler.withdraw()]
        return []

    def _start(self) -> list[Ended]:
        """Start whatever may start; return what need not be run any more."""
        unneeded: list[Ended] = []
        while decision := self.scheduler.next(time.monotonic()):
            work, slot = decision
            admission = self.desk.admit(work)
            if admission == "start":
                future = self.begin(work, slot)
                future.add_done_callback(partial(self._note, work, slot))
            elif admission == "later":
                self.scheduler.defer(work, slot, time.monotonic() + _SECONDS_UNTIL_ASKED_AGAIN)
            else:
                self.scheduler.drop(work, slot)
                unneeded.append((work, None, None))
        return unneeded

    def _note(self, work: Work, slot: Slot, attempt: Future[tuple[Outcome, Slot | None]]) -> None:
        self.attempts.put((work, slot, attempt))

    def _wait(self) -> list[Ended]:
        """Wait until a run has ended, or until one that was held elsewhere may be asked for again."""
        pause = self.scheduler.pause(time.monotonic())
        # Python handles signals in this thread, and one that reached another must not wait for a run to end.
        patience = _SECONDS_TO_A_SIGNAL if pause is None else min(pause, _SECONDS_TO_A_SIGNAL)
        try:
            work, slot, attempt = self.attempts.get(timeout=patience)
        except queue.Empty:
            return []
        outcome, had = attempt.result()
        final = self.scheduler.ended(work, slot, outcome)
        return [] if final is None else [(work, final, had)]


def not_started() -> Outcome:
    """What is said of a run that waits when the user interrupts."""
    now = utc_now()
    return Outcome(Finished("interrupted", "not started: the benchmark was interrupted"), [], now, now)
