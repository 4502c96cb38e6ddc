"""The process of one run: builds the method, fits it, sends the labels home.

It opens the samples and the sensitive attribute, never the classes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.adapters import Method
from bench.data.prepared import Prepared
from bench.errors import UnsupportedInputError, worded
from bench.execution.job import Finished, Job, Slot
from bench.labels import checked_labels, clusters_of
from bench.record import Status
from bench.registry import load_adapter

__all__ = ["end_with_parent", "work"]

_OUT_OF_MEMORY = ("allocate memory", "out of memory", "STATUS_ALLOC_FAILED")


def work(connection: Connection, leash: Connection, job: Job, slot: Slot) -> None:
    """Carry out `job` on `slot` and send what comes of it through `connection`.

    Sends ``("epoch", row, n_epochs)`` for every logged epoch and at last ``("end", Finished)``. The parent holds the
    other end of `leash` and writes nothing: when that end closes, the parent is dead.
    """
    _settle_in(job.log, slot)
    _put_on(leash)
    threading.Thread(target=end_with_parent, args=(connection.fileno(),), daemon=True).start()
    try:
        finished = _fit(connection, job, slot)
    except UnsupportedInputError as error:
        finished = Finished("not-applicable", str(error), type(error).__name__)
    except Exception as error:  # noqa: BLE001 -- the boundary: whatever a method raises becomes a record
        traceback.print_exc()
        status: Status = "oom" if _is_out_of_memory(error) else "error"
        finished = Finished(status, worded(error), type(error).__name__, peak_rss_mb=_peak_rss())
    connection.send(("end", finished))


def _fit(connection: Connection, job: Job, slot: Slot) -> Finished:
    data = Prepared(job.data)
    X, groups = data.X(), data.sensitive()
    method = _build(job, slot, data.k)

    def report(row: Mapping[str, float], n_epochs: int) -> None:
        # What no record can hold is the method's mistake, and has to come to light here rather than in the parent.
        numbers = {str(name): float(value) for name, value in row.items()}
        connection.send(("epoch", {**numbers, "epoch": float(int(numbers["epoch"]))}, int(n_epochs)))

    method.on_epoch = report
    start = time.perf_counter()
    method.fit(X, sensitive_features=groups)
    seconds = time.perf_counter() - start
    k = clusters_of(method, data.k)
    gpu, peak_gpu = _gpu(slot)
    return Finished(
        "ok",
        labels=checked_labels(getattr(method, "labels_", None), n=len(X), k=k),
        embedding=_embedding(method, len(X)),
        fit_seconds=seconds,
        peak_rss_mb=_peak_rss(),
        peak_gpu_mb=peak_gpu,
        precision=str(getattr(method, "precision_", "")),
        gpu=gpu,
    )


def _build(job: Job, slot: Slot, k: int) -> Method:
    """The method with the parameters of the run, and those of the slot where it has them."""
    adapter = job.entry.load() if job.entry else load_adapter(job.module, job.class_name, job.path)
    accepted = adapter().get_params(deep=False)
    given: dict[str, Any] = {"random_state": job.seed, "device": slot.device, "n_jobs": len(slot.cores)}
    params = {name: value for name, value in given.items() if name in accepted}
    method: Method = adapter(**{"n_clusters": k, **job.params, **params})
    return method


def _settle_in(log: Path, slot: Slot) -> None:
    """Leave the terminal's process group, print to a file, use the slot's cores only."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        os.sched_setaffinity(0, slot.cores)
    log.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stdout = open(1, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    _limit_threads(len(slot.cores))


def _put_on(leash: Connection) -> None:
    """Have the system end this process and all it started when the parent dies.

    A thread that waits for that, see :func:`end_with_parent`, does not come to its turn while an extension module
    loops with Python's lock in its hand. Only Linux does it; the thread is there for the others.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)


def end_with_parent(descriptor: int) -> None:
    """Wait until nobody reads what this process sends, then end it and all it started.

    The parent may be killed without a chance to clean up. Its death is no signal for this process, whose own
    parent is the fork server, which in turn lives as long as its children do.
    """
    poll = select.poll()
    poll.register(descriptor, 0)
    poll.poll()
    os.killpg(0, signal.SIGKILL)


def _limit_threads(n: int) -> None:
    from threadpoolctl import threadpool_limits

    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(n)
    threadpool_limits(n)
    # Loaded already where the fork server has imported it for the runs' sake.
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n)


def _embedding(method: Method, n: int) -> NDArray[np.float32] | None:
    embedding = getattr(method, "embedding_", None)
    if embedding is None:
        return None
    array = np.asarray(embedding, dtype=np.float32)
    return array if array.ndim == 2 and len(array) == n else None


def _gpu(slot: Slot) -> tuple[str, float | None]:
    torch = sys.modules.get("torch")
    if torch is None or not slot.device.startswith("cuda"):
        return "", None
    return torch.cuda.get_device_name(slot.device), torch.cuda.max_memory_allocated(slot.device) / 2**20


def _peak_rss() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _is_out_of_memory(error: Exception) -> bool:
    # By name, since the harness does not import torch.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    # Its allocator on the processor, and CUDA and its libraries, raise a plain RuntimeError.
    return isinstance(error, RuntimeError) and any(said in str(error) for said in _OUT_OF_MEMORY)
