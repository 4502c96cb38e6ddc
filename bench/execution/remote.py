"""The part of the cluster engine that Dask's workers carry out.

A worker carries runs out as the benchmark's own machine does, each in a process of its own; first it makes sure that
its code and its data are those of the parent.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import bench
from bench.composition import ComposedEntry
from bench.data.prepared import Prepared, is_whole, prepare
from bench.data.store import Store
from bench.data.travel import Packed, find_prepared, unpack
from bench.environment import environment
from bench.errors import ADAPTER_FAULTS, BenchError
from bench.execution.isolate import context, run_isolated
from bench.execution.job import Outcome, Slot, Work
from bench.execution.slots import local_slots
from bench.plan import PROTOCOL
from bench.record import RunSpec
from bench.registry import Entry, Registry, read_sources_anew

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["GPU", "Delivery", "Introduction", "Parcel", "carry_out", "introduce", "lacks", "receive"]

# The resource that workers declare.
GPU = "GPU"

_SECONDS_TO_WAIT_FOR_DATA = 600.0
_SECONDS_BETWEEN_LOOKS = 0.2
_LOG_BYTES = 1 << 20

_SAME_VERSION = (
    "install the same version of fair-clustering-bench on every worker, with plug-in folders under the same path, "
    "and restart the worker"
)

# Data sets that this worker knows the place of, by content.
_HELD: dict[str, Prepared] = {}

# Slots of this worker that nothing runs on, by what was asked for as --device.
_FREE: dict[str, queue.SimpleQueue[Slot]] = {}
_MAKING_SLOTS = threading.Lock()


@dataclass(frozen=True)
class Introduction:
    """What a worker says of itself: its version of this package, its slots, and whether it declares GPUs."""

    version: str
    slots: tuple[Slot, ...]
    gpu: bool


@dataclass(frozen=True)
class Parcel:
    """A run on its way to a worker.

    Parameters
    ----------
    work : Work
        The run; paths in it are the parent's.
    device : str
        As ``--device``.
    topic : str
        Dask topic on which the parent hears how it goes.
    """

    work: Work
    device: str
    topic: str


@dataclass(frozen=True)
class Delivery:
    """What comes back.

    Parameters
    ----------
    outcome : Outcome
        How the run ended, with the environment of the worker.
    worker : str
        Address of the worker.
    slot : Slot
        The slot of the worker that it had.
    log : bytes
        What the method printed, the last megabyte of it.
    """

    outcome: Outcome
    worker: str
    slot: Slot
    log: bytes


def introduce(device: str, dask_worker: Worker) -> Introduction:
    """Answer the parent's first question, through ``Client.run``."""
    return Introduction(bench.__version__, _slots(device, dask_worker), GPU in dask_worker.state.total_resources)


def carry_out(parcel: Parcel) -> Delivery:
    """Carry out one run on a free slot of this worker, in a thread of it.

    Raises
    ------
    BenchError
        If this worker's code is another than the parent's, or the data cannot be had.
    """
    from distributed import get_worker

    worker = get_worker()
    work = parcel.work
    unwanted = _Unwanted(worker)
    entry = _same_code(work, worker.address)
    prepared = _data(parcel, worker, unwanted)
    # Dask's nanny makes its worker a daemon, which may not have children; this one's end with it anyway.
    multiprocessing.current_process().daemon = False
    with _free_slot(parcel.device, worker) as slot, TemporaryDirectory(prefix="bench-") as folder:
        message = {"key": work.key, "worker": worker.address, "slot": [slot.index, slot.device, list(slot.cores)]}
        worker.log_event(parcel.topic, {"what": "started", **message})

        def on_epoch(row: Mapping[str, float], n_epochs: int) -> None:
            worker.log_event(parcel.topic, {"what": "epoch", "row": dict(row), "n_epochs": n_epochs, **message})

        log = Path(folder) / "log"
        job = replace(work.job, entry=entry, path=entry.path, data=prepared.folder, log=log)
        outcome = run_isolated(job, slot, processes=context(sorted(work.requires)), stop=unwanted, on_epoch=on_epoch)
        printed = log.read_bytes()[-_LOG_BYTES:] if log.exists() else b""
    return Delivery(replace(outcome, environment=environment()), worker.address, slot, printed)


def lacks(content_hash: str) -> bool:
    """Whether this worker has no data set with this content; another one of its machine may have got it meanwhile."""
    return _held(content_hash) is None


def receive(packed: Packed) -> None:
    """Keep a data set that the parent sends, through ``Client.run``."""
    _HELD[packed.content_hash] = unpack(packed)


class _Unwanted(threading.Event):
    """Set when nobody waits for the task of this thread: it was cancelled, or the parent or the scheduler is gone."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker
        self._key = worker.get_current_task()

    def is_set(self) -> bool:
        task = self._worker.state.tasks.get(self._key)
        closing = self._worker.status.name not in ("running", "paused", "closing_gracefully")
        return closing or task is None or task.state == "cancelled"


def _same_code(work: Work, address: str) -> Entry:
    """The method as it lies on this machine, refused if it is another than the parent planned with."""
    if work.job.entry is None:
        raise ValueError(f"{work.name} has no adapter")
    read_sources_anew()
    try:
        entry = _on_this_machine(work.job.entry)
        source = entry.source()
    except (*ADAPTER_FAULTS, BenchError) as error:
        raise BenchError(
            f"the worker {address} has no method '{work.spec.method}' ({error}); {_SAME_VERSION}"
        ) from None
    if (source, PROTOCOL) != (work.spec.method_source, work.spec.protocol):
        raise BenchError(
            f"the worker {address} has other code of '{work.spec.method}' than this machine (hash {source[:8]} there, "
            f"{work.spec.method_source[:8]} here); {_SAME_VERSION}"
        )
    return entry


def _on_this_machine(entry: Entry) -> Entry:
    """`entry` with the paths of this machine; a plug-in folder has the same path on both."""
    if isinstance(entry, ComposedEntry):
        entry = replace(entry, outer=_on_this_machine(entry.outer), base=_on_this_machine(entry.base))
    if entry.module.startswith("bench_plugins_"):
        return entry
    spec = find_spec(entry.module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"No module named '{entry.module}'")
    return replace(entry, path=Path(spec.origin))


def _data(parcel: Parcel, worker: Worker, unwanted: threading.Event) -> Prepared:
    """The data set of a run: found here by its content, made from files that are here, or sent by the parent."""
    wanted = parcel.work.spec.data_hash
    found = _held(wanted) or _from_own_files(parcel.work.spec) or _sent(wanted, parcel.topic, worker, unwanted)
    _HELD[wanted] = found
    return found


def _held(content_hash: str) -> Prepared | None:
    held = _HELD.get(content_hash)
    return held if held and is_whole(held.folder) else find_prepared(content_hash)


def _from_own_files(spec: RunSpec) -> Prepared | None:
    # Nothing is downloaded: the parent has it, and a data set's owners need not serve every worker.
    entry = Registry().datasets.get(spec.dataset)
    if entry is None:
        return None
    try:
        prepared = prepare(entry, spec.dataset_params, Store.default(download=False))
    except (*ADAPTER_FAULTS, BenchError):
        return None
    return prepared if prepared.content_hash == spec.data_hash else None


def _sent(content_hash: str, topic: str, worker: Worker, unwanted: threading.Event) -> Prepared:
    worker.log_event(topic, {"what": "data", "hash": content_hash, "worker": worker.address})
    deadline = time.monotonic() + _SECONDS_TO_WAIT_FOR_DATA
    while (held := _held(content_hash)) is None:
        if unwanted.is_set() or time.monotonic() > deadline:
            raise BenchError(f"the worker {worker.address} waited in vain for data that it asked for")
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return held


def _slots(device: str, worker: Worker) -> tuple[Slot, ...]:
    """Slots of a worker: as many as it has threads, or GPUs if it declares some."""
    declared = worker.state.total_resources.get(GPU)
    count = worker.state.nthreads if declared is None else min(worker.state.nthreads, int(declared))
    return tuple(local_slots(device, max(1, count)))


@contextmanager
def _free_slot(device: str, worker: Worker) -> Iterator[Slot]:
    with _MAKING_SLOTS:
        if device not in _FREE:
            _FREE[device] = queue.SimpleQueue()
            for slot in _slots(device, worker):
                _FREE[device].put(slot)
    slot = _FREE[device].get()
    try:
        yield slot
    finally:
        _FREE[device].put(slot)
