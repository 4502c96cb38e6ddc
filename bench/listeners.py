"""Who is told how an invocation goes: the live view, the tracker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bench.execution.job import Slot
from bench.plan import PlannedRun
from bench.record import Record

if TYPE_CHECKING:
    from bench.pending import Selection

__all__ = ["Listener", "OnRecord", "Silent"]


class Listener(Protocol):
    """What may be told; each method says when."""

    def planned(self, selection: Selection, slots: Sequence[Slot]) -> None:
        """The runs of `selection` will start."""

    def started(self, run: PlannedRun, slot: Slot) -> None:
        """`run` begins on `slot`."""

    def epoch(self, run: PlannedRun, slot: Slot, row: Mapping[str, float], n_epochs: int) -> None:
        """The method has logged an epoch."""

    def ended(self, run: PlannedRun, record: Record) -> None:
        """The record of `run` is written."""

    def left_to_others(self, run: PlannedRun) -> None:
        """Another invocation on this results folder has run `run`."""


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

    def left_to_others(self, run: PlannedRun) -> None:
        """Say nothing."""


class OnRecord(Silent):
    """A listener that passes every record on, to a tracker for example."""

    def __init__(self, tell: Callable[[Record], None]) -> None:
        self.tell = tell

    def ended(self, run: PlannedRun, record: Record) -> None:
        """Pass the record on."""
        self.tell(record)
