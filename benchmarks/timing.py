"""Wall time: of a call, of two in turn, and of the epochs of a fit in turn with a loop."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

import torch

from benchmarks.setting import Setting

__all__ = ["Times", "alternate_with_fit", "clock", "in_turn", "median_seconds"]

Call = Callable[[], object]
Listener = Callable[[Mapping[str, float], int], None]


@dataclass
class Times:
    """Seconds of ours and of the baseline, measured in turn."""

    ours: list[float] = field(default_factory=list)
    baseline: list[float] = field(default_factory=list)

    @property
    def medians(self) -> tuple[float, float]:
        """Median seconds of both."""
        return statistics.median(self.ours), statistics.median(self.baseline)


def clock(device: str = "cpu") -> float:
    """Seconds, once the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def seconds(call: Call, device: str = "cpu") -> float:
    """Wall time of one call."""
    start = clock(device)
    call()
    return clock(device) - start


def median_seconds(call: Call, *, repeats: int = 5, device: str = "cpu") -> float:
    """Median wall time of `call`, after a warm-up."""
    call()
    return statistics.median(seconds(call, device) for _ in range(repeats))


def in_turn(ours: Call, baseline: Call, setting: Setting, *, budget: float = 60) -> Times:
    """Time two calls in turn, each after a warm-up; `budget` is for the seconds of the baseline."""
    device = setting.device
    ours()
    first = seconds(baseline, device)
    repeats = setting.repeats(first, budget)
    if repeats == 1:
        # A baseline that takes its whole budget is not run again to be warm.
        return Times([seconds(ours, device) for _ in range(setting.size(5, 1))], [first])
    times = Times()
    for _ in range(repeats):
        times.ours.append(seconds(ours, device))
        times.baseline.append(seconds(baseline, device))
    return times


class Enough(Exception):  # noqa: N818 - no error
    """Ends a fit whose epochs have been timed."""


@dataclass
class Alternation:
    """Listener of a fit: times each of its epochs, and after it the baseline."""

    baseline: Call
    repeats: int
    device: str
    phase: float | None
    times: Times = field(default_factory=Times)
    start: float | None = None

    def __call__(self, row: Mapping[str, float], _: int) -> None:
        """An epoch has ended."""
        now = clock(self.device)
        if self.phase is not None and row.get("phase") != self.phase:
            return
        # What comes before the first epoch ends is preparation and warm-up.
        if self.start is not None:
            self.times.ours.append(now - self.start)
            self.times.baseline.append(seconds(self.baseline, self.device))
        if len(self.times.ours) == self.repeats:
            raise Enough
        self.start = clock(self.device)


def alternate_with_fit(
    fit: Callable[[Listener], object], baseline: Call, *, repeats: int, device: str, phase: float | None = None
) -> Times:
    """Time the epochs of a fit, which is cut short, in turn with calls of `baseline`.

    Parameters
    ----------
    fit : callable
        Fits a method that calls the listener it is given after every epoch.
    baseline : callable
        What an epoch is compared with; it has been called before.
    repeats : int
        Epochs to time after the first, which is the warm-up.
    device : {"cpu", "cuda"}
        Where both compute.
    phase : float, optional
        Time the epochs of this phase, where a fit has several.
    """
    listener = Alternation(baseline, repeats, device, phase)
    with suppress(Enough):
        fit(listener)
    if not listener.times.ours:
        raise RuntimeError("the fit ended before an epoch was timed")
    return listener.times
