"""Ctrl-C as an event."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruption", "interruptible"]


class Interruption:
    """What came of Ctrl-C so far.

    Attributes
    ----------
    stop : threading.Event
        Set by the first.
    repeated : bool
        Whether there was another.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.repeated = False

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        """Take one more."""
        self.repeated = self.stop.is_set()
        self.stop.set()


@contextmanager
def interruptible() -> Iterator[Interruption]:
    """Turn Ctrl-C into an event: what runs is ended and recorded, instead of an exception in mid-write."""
    interruption = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield interruption
        return
    previous = {number: signal.signal(number, interruption.on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
