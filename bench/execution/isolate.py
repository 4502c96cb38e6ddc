"""One process per run, watched: it may crash, hang or be killed, and there is still an outcome."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import ModuleType

import psutil

from bench.execution.job import MEMORY_LIMIT, EpochCallback, Finished, Job, Outcome, Slot
from bench.execution.worker import work
from bench.record import Status

__all__ = ["context", "kill", "run_isolated", "utc_now"]

_POLL_SECONDS = 0.1
_STARTING = threading.Lock()


def context(preload: Sequence[str] = ()) -> BaseContext:
    """How processes are made: by a fork server, so that a run need not import `preload` anew.

    Parameters
    ----------
    preload : sequence of str
        Packages to import once, before the first run. Ignored once the fork server runs.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["bench.execution.worker", *preload])
    return server


def run_isolated(
    job: Job, slot: Slot, *, processes: BaseContext, stop: threading.Event, on_epoch: EpochCallback | None = None
) -> Outcome:
    """Run `job` in a process of its own and wait for the end of it, whatever that is.

    Parameters
    ----------
    job : Job
        What to run.
    slot : Slot
        Where.
    processes : BaseContext
        What :func:`context` returned.
    stop : threading.Event
        Set when the user interrupts: the process is killed and the outcome is ``interrupted``.
    on_epoch : callable, optional
        Told every epoch that the method logs.

    Returns
    -------
    Outcome
        Always one, with the epochs logged until the end.
    """
    started = utc_now()
    if stop.is_set():
        return Outcome(Finished("interrupted", "not started: the benchmark was interrupted"), [], started, started)
    receiver, sender = processes.Pipe(duplex=False)
    leash, held = processes.Pipe(duplex=False)
    process: BaseProcess = processes.Process(target=work, args=(sender, leash, job, slot))  # type: ignore[attr-defined]
    with _STARTING, _without_main():
        process.start()
    sender.close()
    leash.close()
    watch = _Watch(process, receiver, job, on_epoch)
    try:
        finished = watch.until_end(stop)
        if finished.status not in ("timeout", "interrupted"):
            # It has just sent its last message and ends by itself within moments.
            process.join(timeout=1)
    finally:
        kill(process)
        receiver.close()
        held.close()
    return Outcome(finished, watch.history, started, utc_now())


class _Watch:
    """Reads what a process sends and notices when it dies, hangs or is no longer wanted."""

    def __init__(self, process: BaseProcess, receiver: Connection, job: Job, on_epoch: EpochCallback | None) -> None:
        self.process = process
        self.receiver = receiver
        self.timeout = job.timeout
        self.memory_mb = job.memory_mb
        self.on_epoch = on_epoch
        self.history: list[dict[str, float]] = []
        self.peak_rss_mb = 0.0
        self.sampled = 0.0

    def until_end(self, stop: threading.Event) -> Finished:
        """Wait for the process's last message, its death, its time-out or `stop`, whichever comes first."""
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            ready = wait([self.receiver, self.process.sentinel], timeout=_POLL_SECONDS)
            if self.receiver in ready:
                finished = self._receive()
                if finished is not None:
                    return finished
            elif ready:
                return self._died()
            if self._resident_mb() > (self.memory_mb or math.inf):
                reason = f"took more than its memory limit of {self.memory_mb:g} MiB"
                return self._gave_up("oom", reason, MEMORY_LIMIT)
            if stop.is_set():
                return self._gave_up("interrupted", "stopped by the user")
            if deadline is not None and time.monotonic() > deadline:
                return self._gave_up("timeout", f"took longer than its time-out of {self.timeout:g} s")

    def _receive(self) -> Finished | None:
        try:
            message = self.receiver.recv()
        except (EOFError, OSError):
            # Before a message, or in the middle of one.
            return self._died()
        if message[0] == "end":
            finished: Finished = message[1]
            return finished
        self.history.append(message[1])
        if self.on_epoch is not None:
            self.on_epoch(message[1], message[2])
        return None

    def _died(self) -> Finished:
        self.process.join(timeout=5)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            hint = " (the system does that when memory runs out)" if name == "SIGKILL" else ""
            return self._crashed(f"its process was killed by {name}{hint}", name)
        return self._crashed(f"its process ended with exit code {code} before it returned labels", "ProcessEnded")

    def _crashed(self, reason: str, error_type: str) -> Finished:
        return Finished("error", reason, error_type, peak_rss_mb=self._peak(), crashed=True)

    def _gave_up(self, status: Status, reason: str, error_type: str = "") -> Finished:
        return Finished(status, reason, error_type, peak_rss_mb=self._peak())

    def _resident_mb(self) -> float:
        """Resident memory in MiB; that of all its processes where there is a limit. Pages they share count for each."""
        now, pid = time.monotonic(), self.process.pid
        if pid is None or now - self.sampled < _POLL_SECONDS:
            # A method that logs a thousand epochs a second is not to be slowed down by it.
            return 0.0
        self.sampled = now
        resident = sum(map(_rss_mb, [pid] if self.memory_mb is None else _group(pid)))
        self.peak_rss_mb = max(self.peak_rss_mb, resident)
        return resident

    def _peak(self) -> float | None:
        return self.peak_rss_mb or None


def _group(leader: int) -> set[int]:
    """The processes of a run, which leads a group of its own as soon as it has begun."""
    members = {leader}
    for pid in psutil.pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) == leader:
                members.add(pid)
    return members


def _rss_mb(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss) / 2**20
    return 0.0


@contextlib.contextmanager
def _without_main() -> Iterator[None]:
    """Hide the script that is running: a run needs nothing of it, and its process would carry it out once more."""
    script = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = script


def kill(process: BaseProcess) -> None:
    """End the process and whatever it started; a method may ignore SIGTERM, so it is not asked."""
    if process.pid is not None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    if process.is_alive():
        process.kill()
    process.join()


def utc_now() -> str:
    """Return the time in UTC, ISO 8601 to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
