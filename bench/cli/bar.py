"""A progress bar that shows no scores: for notebooks, and for choosing parameters without them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.listeners import Silent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.execution.job import Slot
    from bench.pending import Selection
    from bench.plan import PlannedRun
    from bench.record import Record

__all__ = ["Bar"]


class Bar(Silent):
    """How many runs have ended and what the last one to speak is doing; a line for each that did not end well.

    Parameters
    ----------
    console : Console
        Where to draw; in a notebook it takes ipywidgets, elsewhere than in a terminal only the end is drawn.
    """

    def __init__(self, console: Console) -> None:
        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        # No markup, since names are anybody's.
        self.progress = Progress(*columns, TextColumn("{task.description}", markup=False), console=console)
        self.task = self.progress.add_task("")

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """Draw the bar, unless there is nothing to do."""
        self.progress.update(self.task, total=len(selection.todo))
        if selection.todo:
            self.progress.start()

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """Say which run it is."""
        self.progress.update(self.task, description=str(run))

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Say how far the run is."""
        self.progress.update(self.task, description=f"{run}: epoch {int(row['epoch']) + 1}/{n_epochs}")

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Count the run, and say how it ended if that was not well."""
        self.progress.advance(self.task)
        if record.status != "ok":
            self.progress.console.print(f"{record.status}: {run}: {record.reason}", markup=False)

    def left_to_others(self, run: PlannedRun) -> None:
        """Count a run that another invocation has done."""
        self.progress.advance(self.task)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.progress.live.is_started:
            self.progress.update(self.task, description="")
            self.progress.stop()
