"""Dispatch to the workers of a Dask cluster, through joblib's backend for it.

Only the parent asks the runner, and only it writes records. What the workers do is in :mod:`bench.execution.remote`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import logging
import re
import threading
import uuid
import warnings
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import bench
from bench.data.prepared import Prepared
from bench.data.travel import pack
from bench.errors import BenchError, InvalidInputError
from bench.execution.engine import Desk, Ended, dispatch, not_started
from bench.execution.isolate import utc_now
from bench.execution.job import Finished, Outcome, Policy, Slot, Work
from bench.execution.remote import GPU, Delivery, Introduction, Parcel, carry_out, introduce, lacks, receive
from bench.execution.scheduler import Scheduler
from bench.record import Status

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["ClusterEngine", "UnencryptedWarning", "scheduler_address"]

_SECONDS_TO_CONNECT = 10
_SECONDS_TO_WAIT_FOR_WORKERS = 30
_SECONDS_BETWEEN_LOOKS = 0.25

# Runs handed to Dask at a time, at least: workers that join later find some. Not all, since each of them is claimed.
_HANDED_OVER = 32


class UnencryptedWarning(UserWarning):
    """A cluster on which anybody in between can read and change what travels."""


def scheduler_address(text: str) -> str:
    """Address of a Dask scheduler, as Dask writes it.

    Parameters
    ----------
    text : str
        ``dask://HOST:PORT``, ``tcp://`` or ``tls://`` likewise, or the file that a scheduler has written.

    Raises
    ------
    InvalidInputError
        If it is neither.
    """
    if _is_address(text):
        return re.sub("^dask:", "tcp:", text)
    expected = "it takes dask://HOST:PORT, or the file that `dask scheduler --scheduler-file FILE` writes"
    if "://" in text or not Path(text).is_file():
        raise InvalidInputError(f"--engine {text} given; {expected}")
    try:
        address = json.loads(Path(text).read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, LookupError, TypeError):
        address = None
    if not isinstance(address, str) or not _is_address(address):
        raise InvalidInputError(f"--engine {text} given, but no scheduler's address is in it; {expected}")
    return address


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("dask", "tcp", "tls") and bool(parts.hostname and parts.port) and not parts.path
    except ValueError:
        return False


class ClusterEngine:
    """Runs on the workers of a Dask cluster; a context manager, which closes the connection.

    Where workers declare GPUs, every run takes one. A run whose worker dies is carried out again by another one, as
    often as the scheduler's ``allowed-failures`` say. When the connection ends, the workers end what still runs.

    Parameters
    ----------
    address : str
        See :func:`scheduler_address`.
    policy : Policy, optional
        What to do about failures.
    device : str
        As ``--device``, for the devices of each worker.

    Raises
    ------
    InvalidInputError
        For an address that is none.
    BenchError
        If Dask is not installed, the scheduler does not answer, there is no worker, or one of them cannot carry out
        runs, or would with another version of this package.

    Warns
    -----
    UnencryptedWarning
        For a scheduler on another machine without TLS.
    """

    def __init__(self, address: str, policy: Policy | None = None, device: str = "auto") -> None:
        self.policy = policy or Policy()
        self.device = device
        self._address = scheduler_address(address)
        self._client = _connect(self._address)
        self._places: dict[tuple[str, int], Slot] = {}
        self._placing = threading.Lock()
        try:
            workers = self._introductions()
        except BenchError:
            self._client.close()
            raise
        # Where some declare GPUs, the others get nothing.
        gpu = any(worker.gpu for worker in workers.values())
        self._demand: dict[str, Any] = {"resources": {GPU: 1}} if gpu else {}
        for name, worker in workers.items():
            for slot in worker.slots if worker.gpu == gpu else ():
                self._place(name, slot)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Slots of the workers that are known by now, numbered through."""
        return tuple(self._places.values())

    def __enter__(self) -> Self:
        """Return the engine."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the connection."""
        self._client.close()

    def outcomes(self, works: Sequence[Work], stop: threading.Event, desk: Desk) -> Generator[Ended]:
        """Carry out `works`, see :meth:`bench.execution.engine.Engine.outcomes`."""
        if not works:
            return
        n = max(2 * len(self.slots), _HANDED_OVER)
        scheduler = Scheduler(works, [Slot(index, f"place {index}", ()) for index in range(n)], {}, self.policy)
        with (
            self._backend() as backend,
            _Reports(self, works, desk) as reports,
            ThreadPoolExecutor(n, thread_name_prefix="place") as threads,
        ):

            def attempt(work: Work) -> tuple[Outcome, Slot | None]:
                task = _submit(backend, Parcel(work, self.device, reports.topic))
                while not wait([task], timeout=_SECONDS_BETWEEN_LOOKS).done:
                    reports.raise_trouble()
                    if stop.is_set():
                        return reports.lost(work, "interrupted", "stopped by the user")
                return self._ended(work, backend, task, reports)

            yield from dispatch(scheduler, lambda work, _place: threads.submit(attempt, work), stop, desk)

    def _introductions(self) -> dict[str, Introduction]:
        client, where = self._client, f"the Dask scheduler at {self._address}"
        try:
            client.wait_for_workers(1, timeout=_SECONDS_TO_WAIT_FOR_WORKERS)
            answers: dict[str, Any] = client.run(introduce, self.device, on_error="return")
        except OSError:
            raise BenchError(
                f"no worker has joined {where}; start some: dask worker {self._address} --nthreads 1 --no-dashboard"
            ) from None
        for worker, answer in answers.items():
            if isinstance(answer, BaseException):
                cause = f"{type(answer).__name__}: {answer}"
                raise BenchError(
                    f"the worker {worker} cannot carry out runs ({cause}); install fair-clustering-bench "
                    f"{bench.__version__} with the extra 'cluster' there"
                )
            if answer.version != bench.__version__:
                raise BenchError(
                    f"the worker {worker} has fair-clustering-bench {answer.version}, this machine "
                    f"{bench.__version__}; install the same version on both and restart the worker"
                )
        return answers

    def _place(self, worker: str, slot: Slot) -> Slot:
        """The slot of a worker with a number that no other worker's has."""
        with self._placing:
            return self._places.setdefault((worker, slot.index), replace(slot, index=len(self._places)))

    @contextmanager
    def _backend(self) -> Iterator[Any]:
        """The backend of joblib for Dask. What it still has at the end is cancelled."""
        from joblib import parallel_config
        from joblib.parallel import get_active_backend

        with parallel_config(backend="dask", client=self._client, **self._demand):
            backend, _n_jobs = get_active_backend()
        backend.start_call()
        try:
            yield backend
        finally:
            self._client.cancel(list(backend.waiting_futures.futures))
            backend.stop_call()

    def _ended(self, work: Work, backend: Any, task: Future[Any], reports: _Reports) -> tuple[Outcome, Slot | None]:
        from distributed.scheduler import KilledWorker

        try:
            (delivery,) = backend.retrieve_result_callback(task.result())
        except KilledWorker as error:
            n = error.allowed_failures + 1
            return reports.lost(work, "error", f"each of {n} workers died that it was given to", "KilledWorker")
        except CancelledError:
            raise BenchError(
                f"the Dask scheduler at {self._address} was lost; finished runs are kept, the same command goes on"
            ) from None
        return self._unpacked(work, delivery)

    def _unpacked(self, work: Work, delivery: Delivery) -> tuple[Outcome, Slot]:
        # Where nothing can be written, the record says so.
        with suppress(OSError):
            work.job.log.parent.mkdir(parents=True, exist_ok=True)
            work.job.log.write_bytes(delivery.log)
        return delivery.outcome, self._place(delivery.worker, delivery.slot)


@dataclass
class _Heard:
    """What is known of a run that is under way."""

    slot: Slot
    started: str = field(default_factory=utc_now)
    history: list[dict[str, float]] = field(default_factory=list)


class _Reports:
    """Hears what workers report, tells the desk, and sends them the data that they lack."""

    def __init__(self, engine: ClusterEngine, works: Sequence[Work], desk: Desk) -> None:
        self.topic = f"bench-{uuid.uuid4().hex}"
        self._engine = engine
        self._client = engine._client
        self._works = {work.key: work for work in works}
        self._folders = {work.spec.data_hash: work.job.data for work in works}
        self._desk = desk
        self._heard: dict[str, _Heard] = {}
        self._trouble: BenchError | None = None
        self._post = ThreadPoolExecutor(1, thread_name_prefix="post")

    def __enter__(self) -> Self:
        self._client.subscribe_topic(self.topic, self._hear)
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.unsubscribe_topic(self.topic)
        self._post.shutdown(cancel_futures=True)

    def raise_trouble(self) -> None:
        """Raise what went wrong in a thread that nobody waits for."""
        if self._trouble is not None:
            raise self._trouble

    def lost(self, work: Work, status: Status, reason: str, error_type: str = "") -> tuple[Outcome, Slot | None]:
        """The outcome of a run that its worker will not report."""
        heard = self._heard.get(work.key)
        if heard is None:
            return (not_started() if status == "interrupted" else _now(Finished(status, reason, error_type))), None
        finished = Finished(status, reason, error_type)
        return Outcome(finished, list(heard.history), heard.started, utc_now()), heard.slot

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _time, report = event
        if report["what"] == "data":
            self._post.submit(self._send, report["hash"], report["worker"])
            return
        work = self._works[report["key"]]
        index, device, cores = report["slot"]
        if report["what"] == "started":
            slot = self._engine._place(report["worker"], Slot(index, device, tuple(cores)))
            self._heard[work.key] = _Heard(slot)
            self._desk.started(work, slot)
        else:
            heard = self._heard[work.key]
            heard.history.append(dict(report["row"]))
            self._desk.epoch(work, heard.slot, report["row"], report["n_epochs"])

    def _send(self, content_hash: str, worker: str) -> None:
        """Send a data set, unless another worker of the same machine has received it meanwhile."""
        here = {"workers": [worker], "on_error": "return"}
        if self._client.run(lacks, content_hash, **here).get(worker) is not True:
            return
        try:
            packed = pack(Prepared(self._folders[content_hash]))
        except OSError as error:
            self._trouble = BenchError(f"prepared data cannot be read to be sent ({error.strerror}); start again")
            return
        answer = self._client.run(receive, packed, **here).get(worker)
        if isinstance(answer, BenchError):
            self._trouble = BenchError(f"the worker {worker} cannot keep the data that it was sent: {answer}")


def _now(finished: Finished) -> Outcome:
    now = utc_now()
    return Outcome(finished, [], now, now)


def _submit(backend: Any, parcel: Parcel) -> Future[Any]:
    from joblib.parallel import BatchedCalls

    calls = BatchedCalls([(carry_out, (parcel,), {})], (backend, None))
    task: Future[Any] = backend.submit(calls, callback=lambda _result: None)
    return task


def _connect(address: str) -> Client:
    try:
        from distributed import Client
    except ImportError:
        raise BenchError("--engine needs Dask; pip install 'fair-clustering-bench[cluster]'") from None
    # A connection that breaks is told in one line of ours.
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)
    if not address.startswith("tls:") and not _is_loopback(urlsplit(address).hostname or ""):
        warnings.warn(
            f"{address} is on the network without TLS: whoever can reach it can run code on every worker; "
            "see docs/cluster.md",
            UnencryptedWarning,
            stacklevel=3,
        )
    try:
        asyncio.run(asyncio.wait_for(_greet(address), _SECONDS_TO_CONNECT))
        return Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError, MemoryError) as error:
        # The latter three for TLS without certificates, and where something answers that is no scheduler.
        cause = str(error).partition("\n")[0] or type(error).__name__
        raise BenchError(
            f"no Dask scheduler answers at {address} ({cause}); docs/cluster.md shows how to start one"
        ) from None


async def _greet(address: str) -> None:
    """Shake hands; a client that cannot would go on trying when the program ends."""
    from distributed.comm import connect
    from distributed.security import Security

    comm = await connect(address, timeout=_SECONDS_TO_CONNECT, **Security().get_connection_args("client"))
    await comm.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
