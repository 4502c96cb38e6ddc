"""What is kept of one requested run: readable without the code that wrote it."""

from __future__ import annotations

import base64
import json
import re
import zlib
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

__all__ = [
    "SETTLED",
    "Record",
    "RunSpec",
    "Status",
    "canonical_json",
    "pack_labels",
    "unpack_labels",
    "without_folders",
]

Status = Literal["ok", "error", "timeout", "oom", "not-applicable", "missing-data", "interrupted"]

# Asking again for a run with one of these outcomes does not start it again unless the user says so.
SETTLED: frozenset[Status] = frozenset({"ok", "error", "timeout", "oom", "not-applicable"})

# The labels of 32 million samples in the largest type: a text made to fill the memory ends here.
_MOST_LABEL_BYTES = 1 << 28

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


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
        Run key, see :func:`bench.plan.run_key`: 64 hexadecimal digits, since it becomes the name of files.
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
    data_note : str
        What the data were made from, see :class:`bench.adapters.FairData`.
    tuned : str
        How its parameters were chosen, if by ``bench tune``; not written where it is empty.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    key: str = Field(pattern="^[0-9a-f]{64}$")
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
    data_note: str = ""
    tuned: str = ""

    @model_serializer(mode="wrap")
    def _as_ever(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A record of a run that nobody tuned is the same bytes as before there was tuning, and so has the same hash.
        written: dict[str, Any] = write(self)
        if not self.tuned:
            written.pop("tuned", None)
        return written


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
    """Return the labels that :func:`pack_labels` compressed.

    Raises
    ------
    ValueError, zlib.error
        For a text that it has not made: of another type, cut short, or of more labels than any data set has samples.
    """
    name, _, body = text.partition(":")
    if name not in ("uint8", "uint16", "uint32", "uint64"):
        raise ValueError(f"labels of type {name!r}")
    unpacker = zlib.decompressobj()
    raw = unpacker.decompress(base64.b64decode(body), _MOST_LABEL_BYTES)
    if not unpacker.eof:
        raise ValueError("labels that are cut short, or of more samples than any data set has")
    return np.frombuffer(raw, dtype=np.dtype(name).newbyteorder("<")).astype(np.int64)


def without_folders(text: str) -> str:
    """`text` with the folders cut off absolute paths: a record says nothing of the machine it was made on.

    Examples
    --------
    >>> without_folders("/home/me/data/x.npz is cut off; see https://example.org/a/b")
    'x.npz is cut off; see https://example.org/a/b'
    """
    return re.sub(r"(?<![\w:/.])/(?:[^\s/:'\"]+/)+", "", text)


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values, equal text."""
    return _CANONICAL.encode(value)
