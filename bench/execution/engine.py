"""Dispatch to the slots of this machine, through joblib."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

from bench.execution.job import Slot

__all__ = ["run_locally"]

Task = TypeVar("Task")
Result = TypeVar("Result")


def run_locally(
    tasks: Sequence[Task], slots: Sequence[Slot], run: Callable[[Task, Slot], Result], stop: threading.Event
) -> Generator[tuple[Task, Result]]:
    """Run every task on a free slot; yield results as they come.

    Parameters
    ----------
    tasks : sequence
        In the order in which they should start.
    slots : sequence of Slot
        As many tasks run at a time.
    run : callable
        Takes a task and the slot it may use, until it returns.
    stop : threading.Event
        Set by this function when the caller stops listening, so that what still runs ends soon.

    Yields
    ------
    tuple of (task, result)
        Once for every task.
    """
    from joblib import Parallel, delayed

    free: queue.Queue[Slot] = queue.Queue()
    for slot in slots:
        free.put(slot)

    def on_free_slot(task: Task) -> tuple[Task, Result]:
        slot = free.get()
        try:
            return task, run(task, slot)
        finally:
            free.put(slot)

    # Threads only wait here; every run is a process of its own.
    parallel = Parallel(
        n_jobs=len(slots), backend="threading", batch_size=1, pre_dispatch="n_jobs", return_as="generator_unordered"
    )
    results: Iterator[tuple[Task, Result]] = parallel(delayed(on_free_slot)(task) for task in tasks)
    heard_all = False
    try:
        for done in results:  # noqa: UP028 -- the listener's leaving must reach us, not joblib
            yield done
        heard_all = True
    finally:
        if not heard_all:
            stop.set()
            for _unheard in results:
                pass
