"""What one sees while it runs: a live line for every slot in a terminal, a plain line for every run elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from bench.cli.estimate import Estimate
from bench.execution.job import Slot
from bench.pending import Selection
from bench.plan import PlannedRun
from bench.record import Record

__all__ = ["LiveView", "PlainView", "view_for"]

_REFRESH_PER_SECOND = 4
_SECONDS_BETWEEN_LINES = 60.0

# How to ask for runs again that did not end well.
_AGAIN = {
    "error": " (--only failed tries them again)",
    "timeout": " (--only timeout tries them again)",
    "oom": " (--only oom tries them again)",
}


@dataclass
class _Progress:
    """How far the run on a slot is."""

    run: PlannedRun
    since: float
    told: float
    epoch: int = 0
    n_epochs: int = 0
    loss: float | None = None


class PlainView:
    """One line for every run that ends, one a minute for every run that goes on, and one a minute for them all.

    Parameters
    ----------
    console : Console
        Where to write.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total = 0
        self.counts: Counter[str] = Counter()
        self.running: dict[int, _Progress] = {}
        self.estimate = Estimate({}, {}, 1)
        self.begun = self.summed_up = time.monotonic()
        # Slots report from threads of their own.
        self.lock = threading.Lock()

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """Say how much there is to do, and what is left alone."""
        self.total = len(selection.todo)
        methods = {run.key: run.spec.method for run in selection.todo}
        self.estimate = Estimate(methods, selection.expected, max(len(slots), 1))
        for status, number in sorted(selection.skipped.items()):
            again = _AGAIN.get(status, "")
            self.console.print(f"{number} requested runs have a record already: {status}{again}", markup=False)
        if self.total:
            devices = ", ".join(sorted({slot.device for slot in slots}))
            self.console.print(f"{self.total} runs on {len(slots)} slots ({devices})", markup=False)
        else:
            self.console.print("nothing to do")

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """Note what the slot is doing."""
        now = time.monotonic()
        with self.lock:
            # One that crashed and is tried again may have moved.
            self.running = {index: progress for index, progress in self.running.items() if progress.run is not run}
            self.running[slot.index] = _Progress(run, now, now)
            self.estimate.begin(run.key)

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """Note how far the run is, and say so if nothing was said for a while."""
        with self.lock:
            progress = self.running.get(slot.index)
            if progress is None or progress.run is not run:
                return
            progress.epoch, progress.n_epochs, progress.loss = int(row["epoch"]) + 1, n_epochs, row.get("loss")
            # After the last epoch the line of the run's end is about to come.
            if progress.epoch < n_epochs and time.monotonic() - progress.told > _SECONDS_BETWEEN_LINES:
                progress.told = time.monotonic()
                self.tell(slot, progress)

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Say how the run ended, and now and then how far all of them are."""
        now = time.monotonic()
        with self.lock:
            self._leave(run, now)
            self.counts[record.status] += 1
            line = f"[{self.done}/{self.total}] {outcome_line(record)}"
            due = self.done < self.total and now - self.summed_up > _SECONDS_BETWEEN_LINES
            if due:
                self.summed_up = now
        self.console.print(line, markup=False)
        if due:
            self.tell_all()

    def left_to_others(self, run: PlannedRun) -> None:
        """Take a run off the total that another invocation carries out."""
        with self.lock:
            self.estimate.begin(run.key)
            self.total -= 1

    def tell(self, slot: Slot, progress: _Progress) -> None:
        """Say how far the run is."""
        epoch, loss, elapsed, left = self._columns(progress)
        parts = [f"epoch {epoch}", f"loss {loss}" if loss else "", f"{elapsed} so far", f"about {left} left"]
        text = ", ".join(part for part in parts if part)
        self.console.print(f"slot {slot.index}: {progress.run}: {text}", markup=False)

    def tell_all(self) -> None:
        """Say how far all runs are."""
        with self.lock:
            line = self._overall()
        self.console.print(line, markup=False)

    @property
    def done(self) -> int:
        """Runs that have ended."""
        return self.counts.total()

    def _leave(self, run: PlannedRun, now: float) -> None:
        self.estimate.begin(run.key)
        for slot, progress in list(self.running.items()):
            if progress.run is run:
                self.estimate.end(run.key, now - progress.since)
                del self.running[slot]

    def _overall(self) -> str:
        now = time.monotonic()
        bad = [f"{number} {status}" for status, number in sorted(self.counts.items()) if status in _AGAIN]
        parts = [f"{self.done} of {self.total} runs", *bad, f"{_clock(now - self.begun)} so far"]
        going_on = [(now - progress.since, self._left(progress, now)) for progress in self.running.values()]
        left = self.estimate.left(going_on)
        if left is not None and self.done < self.total:
            parts.append(f"about {_clock(left)} left")
        return ", ".join(parts)

    def _columns(self, progress: _Progress) -> tuple[str, str, str, str]:
        """Epoch, loss, elapsed time and time left, as text."""
        now = time.monotonic()
        elapsed = _clock(now - progress.since)
        seconds = self._left(progress, now)
        left = "" if seconds is None else _clock(seconds)
        if not progress.epoch:
            return "", "", elapsed, left
        loss = "" if progress.loss is None else f"{progress.loss:.4f}"
        return f"{progress.epoch}/{progress.n_epochs}", loss, elapsed, left

    def _left(self, progress: _Progress, now: float) -> float | None:
        """Seconds that a run has left: by its epochs, or else by what such runs take."""
        elapsed = now - progress.since
        if progress.epoch:
            return elapsed / progress.epoch * max(progress.n_epochs - progress.epoch, 0)
        usual = self.estimate.of(progress.run.key)
        return None if usual is None else max(usual - elapsed, 0.0)

    def __enter__(self) -> PlainView:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


class LiveView(PlainView):
    """The lines of runs that ended, and under them what every slot is doing now."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.live = Live(
            get_renderable=self._render, console=console, refresh_per_second=_REFRESH_PER_SECOND, transient=True
        )

    def tell(self, slot: Slot, progress: _Progress) -> None:
        """Say nothing: it is on the screen."""

    def tell_all(self) -> None:
        """Say nothing: it is on the screen."""

    def _render(self) -> Table:
        with self.lock:
            table = Table(box=None, padding=(0, 2, 0, 0), title=self._overall(), title_justify="left")
            for heading in ("slot", "run", "epoch", "loss", "elapsed", "left"):
                table.add_column(heading, justify="left" if heading == "run" else "right")
            for slot, progress in sorted(self.running.items()):
                # Text, so that a name is never read as markup.
                table.add_row(str(slot), Text(str(progress.run)), *self._columns(progress))
        return table

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


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
