"""What one sees while it runs: a live line for every slot in a terminal, a plain line for every run elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table

from bench.execution.job import Slot
from bench.plan import PlannedRun
from bench.record import Record
from bench.runner import Selection

__all__ = ["LiveView", "PlainView", "view_for"]

_REFRESH_PER_SECOND = 4

# How to ask for runs again that did not end well.
_AGAIN = {
    "error": " (--only failed tries them again)",
    "timeout": " (--only timeout tries them again)",
    "oom": " (--only oom tries them again)",
}


class PlainView:
    """One line for every run that ends.

    Parameters
    ----------
    console : Console
        Where to write.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total = 0
        self.done = 0

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """Say how much there is to do, and what is left alone."""
        self.total = len(selection.todo)
        for status, number in sorted(selection.skipped.items()):
            again = _AGAIN.get(status, "")
            self.console.print(f"{number} requested runs have a record already: {status}{again}", markup=False)
        if self.total:
            devices = ", ".join(sorted({slot.device for slot in slots}))
            self.console.print(f"{self.total} runs on {len(slots)} slots ({devices})", markup=False)
        else:
            self.console.print("nothing to do")

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """Say nothing: the line comes when the run ends."""

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Say nothing."""

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Say how the run ended."""
        self.done += 1
        self.console.print(f"[{self.done}/{self.total}] {outcome_line(record)}", markup=False)

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


@dataclass
class _Line:
    run: str
    since: float
    epoch: int = 0
    n_epochs: int = 0
    loss: float | None = None


@dataclass
class _Board:
    lines: dict[int, _Line] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class LiveView(PlainView):
    """The lines of :class:`PlainView`, and under them what every slot is doing."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.board = _Board()
        self.begun = time.monotonic()
        self.live = Live(
            get_renderable=self._render, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True
        )

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """Show the run on its slot."""
        with self.board.lock:
            self.board.lines[slot.index] = _Line(str(run), time.monotonic())

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Show how far the run is."""
        with self.board.lock:
            line = self.board.lines.get(slot.index)
            if line is not None:
                line.epoch, line.n_epochs, line.loss = int(row["epoch"]) + 1, n_epochs, row.get("loss")

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Clear the slot's line and say how the run ended."""
        with self.board.lock:
            self.board.lines = {slot: line for slot, line in self.board.lines.items() if line.run != str(run)}
        super().ended(run, record)

    def _render(self) -> Table:
        table = Table(box=None, padding=(0, 2, 0, 0), title=self._progress(), title_justify="left")
        for heading in ("slot", "run", "epoch", "loss", "elapsed", "left"):
            table.add_column(heading, justify="left" if heading == "run" else "right")
        with self.board.lock:
            for slot, line in sorted(self.board.lines.items()):
                table.add_row(str(slot), line.run, *_progress_of(line))
        return table

    def _progress(self) -> str:
        elapsed = time.monotonic() - self.begun
        left = f", about {_clock(elapsed / self.done * (self.total - self.done))} left" if self.done else ""
        return f"{self.done} of {self.total} runs, {_clock(elapsed)} so far{left}"

    def __enter__(self) -> LiveView:
        self.live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.live.stop()


def view_for(console: Console) -> PlainView:
    """The view that suits the console."""
    return LiveView(console) if console.is_terminal else PlainView(console)


def outcome_line(record: Record) -> str:
    """One line about a run that has ended."""
    spec = record.spec
    head = f"{record.status:14s} {spec.method} on {spec.dataset}, seed {spec.seed}"
    if record.status != "ok":
        return f"{head}: {record.reason}"
    scores = [
        f"{title} {100 * value:.1f}"
        for title, name in (("ACC", "acc"), ("NMI", "nmi"), ("MNCE", "mnce"), ("F", "f_beta"))
        if (value := record.metrics.get(name)) is not None
    ]
    return f"{head}: {record.fit_seconds or 0:.1f} s, {', '.join(scores)}"


def _progress_of(line: _Line) -> tuple[str, str, str, str]:
    elapsed = time.monotonic() - line.since
    if not line.n_epochs:
        return "", "", _clock(elapsed), ""
    left = elapsed / line.epoch * (line.n_epochs - line.epoch)
    loss = "" if line.loss is None else f"{line.loss:.4f}"
    return f"{line.epoch}/{line.n_epochs}", loss, _clock(elapsed), _clock(left)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
