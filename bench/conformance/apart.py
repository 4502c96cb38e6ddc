"""The checks in a process of their own: what is checked may hang, crash, or end the program."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from bench.conformance import Check, Finding, check, checks_for, title_of
from bench.execution.isolate import context, kill
from bench.execution.worker import end_with_parent
from bench.registry import Entry

__all__ = ["check_apart"]


def check_apart(entry: Entry, checks: Sequence[Check] | None = None, *, timeout: float = 60.0) -> Iterator[Finding]:
    """Run checks on an adapter, whatever it does.

    Parameters
    ----------
    entry : Entry
        A method or a data set.
    checks : sequence of callable, optional
        Functions of a module; by default all that fit `entry`.
    timeout : float
        Seconds for each check. After one that takes longer, or ends the process, no further one is tried.

    Yields
    ------
    Finding
        One for each check, as soon as it is known.
    """
    tests = tuple(checks_for(entry) if checks is None else checks)
    processes = context(["bench.conformance.apart"])
    receiver, sender = processes.Pipe(duplex=False)
    process: BaseProcess = processes.Process(target=_work, args=(sender, entry, tests))  # type: ignore[attr-defined]
    process.start()
    sender.close()
    try:
        yield from _told(receiver, process, [title_of(test) for test in tests], timeout)
    finally:
        kill(process)
        receiver.close()


def _told(receiver: Connection, process: BaseProcess, titles: list[str], timeout: float) -> Iterator[Finding]:
    problem = ""
    for index, title in enumerate(titles):
        if problem:
            yield Finding(title, checked=False)
            continue
        try:
            if index == 0:
                # Until it has begun, nothing of the adapter's own takes time.
                receiver.recv()
            if receiver.poll(timeout):
                yield receiver.recv()
                continue
            problem = (
                f"it does not end within {timeout:g} s and was stopped; look for a loop without an end, "
                "or name in info.quick the parameters that make fit short"
            )
        except (EOFError, ConnectionError):
            process.join(timeout=5)
            problem = f"it ends the whole process ({_end(process.exitcode)}); raise an error instead"
        yield Finding(title, problem)


def _end(code: int | None) -> str:
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit code {code}"


def _work(connection: Connection, entry: Entry, tests: Sequence[Check]) -> None:
    # A group of its own, to be killed with all that it starts.
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, args=(connection.fileno(),), daemon=True).start()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    connection.send(None)
    for finding in check(entry, tests):
        connection.send(finding)
