"""One record for every requested run: written whole or not at all, readable without the code that wrote it."""

from __future__ import annotations

import base64
import json
import os
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bench.errors import ResultsError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SETTLED", "Record", "RecordStore", "RecordWarning", "RunSpec", "Status", "pack_labels", "unpack_labels"]

Status = Literal["ok", "error", "timeout", "oom", "not-applicable", "missing-data", "interrupted"]

# Asking again for a run with one of these outcomes does not start it again unless the user says so.
SETTLED: frozenset[Status] = frozenset({"ok", "error", "timeout", "oom", "not-applicable"})


class RecordWarning(UserWarning):
    """A record file that could not be read and was set aside."""


class RunSpec(BaseModel):
    """What decides the outcome of a run: all of it, and nothing else.

    Parameters
    ----------
    method, dataset : str
        Registry names; ``"truth"`` is the reference that the harness computes itself.
    method_params, dataset_params : dict
        Resolved parameters, JSON values; without seed, device and number of threads.
    method_source : str
        Hash of the source files that define the method.
    data_hash : str
        Content hash of the data; ``"missing"`` when they were not there.
    seed : int
        ``random_state`` of the method.
    protocol : int
        Version of the harness's rules for a run.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    method_params: dict[str, Any]
    method_source: str
    dataset: str
    dataset_params: dict[str, Any]
    data_hash: str
    seed: int
    protocol: int

    @property
    def cell(self) -> tuple[str, str, str, str, int]:
        """The place in the tables: method and data set with parameters, and seed; whatever the code's version."""
        return (
            self.method,
            canonical_json(self.method_params),
            self.dataset,
            canonical_json(self.dataset_params),
            self.seed,
        )


class Record(BaseModel):
    """Outcome of one requested run.

    Parameters
    ----------
    key : str
        Run key, see :func:`bench.plan.run_key`.
    spec : RunSpec
        What was run.
    status : str
        ``ok``, ``error``, ``timeout``, ``oom``, ``not-applicable``, ``missing-data`` or ``interrupted``.
    reason : str
        One line for every status but ``ok``.
    error_type : str
        Class of the exception, where there was one.
    metrics : dict of str to float or None
        Fractions in [0, 1] by metric name, and counts; None where a metric is undefined. Empty unless ``ok``.
    history : list of dict
        What the method logged, one row an epoch.
    labels : str
        Labels as :func:`pack_labels` makes them; empty unless ``ok``.
    fit_seconds : float or None
        Wall time of ``fit``.
    peak_rss_mb, peak_gpu_mb : float or None
        Highest memory use of the run's process and on its GPU, in MiB.
    started, ended : str
        UTC, ISO 8601.
    device, cpu, gpu : str
        Where it ran: ``cpu`` or ``cuda:0``, and the models of the processors.
    threads : int
        Threads it was given.
    precision : str
        Arithmetic of the network, as the method reports it; empty for methods without one.
    versions : dict of str to str
        Python and the packages that matter.
    commit : str
        Commit of the code, empty outside a checkout.
    dirty : bool
        Whether the checkout had uncommitted changes.
    suite : str
        Name of the suite it was part of, if any.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    key: str
    spec: RunSpec
    status: Status
    reason: str = ""
    error_type: str = ""
    metrics: dict[str, float | None] = Field(default_factory=dict)
    history: list[dict[str, float | None]] = Field(default_factory=list)
    labels: str = ""
    fit_seconds: float | None = None
    peak_rss_mb: float | None = None
    peak_gpu_mb: float | None = None
    started: str = ""
    ended: str = ""
    device: str = ""
    cpu: str = ""
    gpu: str = ""
    threads: int = 0
    precision: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str = ""
    dirty: bool = False
    suite: str = ""


class RecordStore:
    """The records of one results folder, a file each.

    Parameters
    ----------
    folder : Path
        The results folder; records lie in its subfolder ``records``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.records = self.folder / "records"

    def prepare(self) -> None:
        """Create the folder and prove that it can be written.

        Raises
        ------
        ResultsError
            If it cannot.
        """
        try:
            self.records.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.records):
                pass
        except OSError as error:
            raise ResultsError(
                f"the results folder {self.folder} cannot be written ({error.strerror}); "
                "name another with --results DIR"
            ) from None

    def path(self, key: str) -> Path:
        """Where the record of `key` lies."""
        return self.records / f"{key}.json"

    def log_path(self, key: str) -> Path:
        """Where the run of `key` leaves what it printed and the traceback it ended with."""
        return self.folder / "logs" / f"{key}.log"

    def write(self, record: Record) -> Path:
        """Write `record` so that a reader, or a crash, sees it whole or not at all.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        text = record.model_dump_json(indent=None) + "\n"
        return _write_whole(self.path(record.key), lambda stream: stream.write(text.encode()))

    def write_embedding(self, key: str, embedding: NDArray[np.float32]) -> Path:
        """Keep the embedding of a run for figures, in half precision; it is not part of the record.

        Raises
        ------
        ResultsError
            If the file cannot be written.
        """
        folder = self.folder / "embeddings"
        folder.mkdir(exist_ok=True)
        return _write_whole(
            folder / f"{key}.npy", lambda stream: np.save(stream, embedding.astype(np.float16), allow_pickle=False)
        )

    def embedding(self, key: str) -> NDArray[np.float32] | None:
        """Return the embedding of the run of `key`, (n, e), or None if none was kept."""
        path = self.folder / "embeddings" / f"{key}.npy"
        return np.load(path, allow_pickle=False).astype(np.float32) if path.exists() else None

    def read(self, key: str) -> Record | None:
        """Return the record of `key`, or None when there is none; an unreadable file is set aside with a warning."""
        path = self.path(key)
        return _read(path) if path.exists() else None

    def __iter__(self) -> Iterator[Record]:
        """All readable records, in the order of their keys."""
        for path in sorted(self.records.glob("*.json")):
            record = _read(path)
            if record is not None:
                yield record

    def current(self) -> list[Record]:
        """One record for every (method, data set, seed): the latest, where code or data have changed in between."""
        latest: dict[tuple[str, str, str, str, int], Record] = {}
        for record in self:
            held = latest.get(record.spec.cell)
            if held is None or (record.ended, record.key) > (held.ended, held.key):
                latest[record.spec.cell] = record
        return [latest[cell] for cell in sorted(latest)]

    def frame(self) -> pd.DataFrame:
        """Return :meth:`current` as a table: one row a run, parameters as ``method.NAME`` and ``dataset.NAME``."""
        import pandas as pd

        return pd.DataFrame([_row(record) for record in self.current()])


def pack_labels(labels: ArrayLike) -> str:
    """Compress integer labels into text.

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Cluster ids, at least 0.

    Returns
    -------
    str
        base64 of the zlib-compressed array in the smallest unsigned type that holds it, after the type's name.
    """
    array = np.asarray(labels)
    small = np.ascontiguousarray(array, dtype=np.min_scalar_type(int(array.max(initial=0))))
    # Little-endian on every machine, so that a record means the same everywhere.
    small = small.astype(small.dtype.newbyteorder("<"))
    return f"{small.dtype.name}:{base64.b64encode(zlib.compress(small.tobytes(), 9)).decode()}"


def unpack_labels(text: str) -> NDArray[np.int64]:
    """Return the labels that :func:`pack_labels` compressed."""
    name, _, body = text.partition(":")
    raw = zlib.decompress(base64.b64decode(body))
    return np.frombuffer(raw, dtype=np.dtype(name).newbyteorder("<")).astype(np.int64)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _write_whole(target: Path, write: Callable[[IO[bytes]], object]) -> Path:
    """Write a file so that a reader, or a crash, sees it whole or not at all."""
    # The temporary file ends otherwise than any file that readers pick up.
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise ResultsError(f"{target} cannot be written ({error.strerror or error})") from None
    return target


def _read(path: Path) -> Record | None:
    try:
        return Record.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        first = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        warnings.warn(
            f"record {path} cannot be read ({first}); its run counts as not done, the file is left for you",
            RecordWarning,
            stacklevel=3,
        )
        return None


def _row(record: Record) -> dict[str, Any]:
    row: dict[str, Any] = {
        "key": record.key,
        "method": record.spec.method,
        "dataset": record.spec.dataset,
        "seed": record.spec.seed,
        "status": record.status,
        "reason": record.reason,
        **record.metrics,
    }
    for side, params in (("method", record.spec.method_params), ("dataset", record.spec.dataset_params)):
        row.update({f"{side}.{name}": value for name, value in params.items()})
    for name in ("fit_seconds", "peak_rss_mb", "peak_gpu_mb", "started", "ended", "device", "precision", "commit"):
        row[name] = getattr(record, name)
    return row
