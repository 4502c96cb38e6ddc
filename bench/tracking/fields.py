"""A record in MLflow's terms: tags, params, metrics and artifacts, within MLflow's limits."""

from __future__ import annotations

import hashlib
import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from bench.record import Record, Status, unpack_labels

__all__ = ["RunStatus", "metrics", "milliseconds", "params", "record_sha", "run_status", "tags", "write_artifacts"]

RunStatus = Literal["FINISHED", "FAILED", "KILLED"]

# not-applicable is a final answer and no fault; missing-data is a gap that somebody has to fill.
_RUN_STATUS: Mapping[Status, RunStatus] = {"ok": "FINISHED", "not-applicable": "FINISHED", "interrupted": "KILLED"}

# MLflow 3 takes tags of 8000 characters, servers before it 5000.
_PARAM_LENGTH, _TAG_LENGTH, _KEY_LENGTH = 6000, 5000, 250

# MLflow keeps steps as integers of 64 bits.
_MOST_STEPS = 2**63


def run_status(record: Record) -> RunStatus:
    """``FINISHED`` for ok and not-applicable, ``KILLED`` for interrupted, ``FAILED`` for every other status."""
    return _RUN_STATUS.get(record.status, "FAILED")


def tags(record: Record) -> dict[str, str]:
    """What the run was and where it ran; nothing for what is empty."""
    spec = record.spec
    given = {
        "bench.key": record.key,
        "bench.status": record.status,
        "bench.reason": record.reason,
        "bench.error_type": record.error_type,
        "bench.data_hash": spec.data_hash,
        "bench.method_source": spec.method_source,
        "bench.commit": record.commit,
        "bench.dirty": str(record.dirty).lower(),
        "bench.suite": record.suite,
        "bench.tuned": record.tuned,
        "bench.device": record.device,
        "bench.cpu": record.cpu,
        "bench.gpu": record.gpu,
        "bench.threads": str(record.threads),
        "bench.precision": record.precision,
        "mlflow.source.name": "bench",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": record.commit,
    }
    return {name: _trimmed(value, _TAG_LENGTH) for name, value in given.items() if value}


def params(record: Record) -> dict[str, str]:
    """Method, data set, seed, and ``method.NAME`` and ``dataset.NAME`` for their parameters, as text or JSON."""
    spec = record.spec
    given = {"method": spec.method, "dataset": spec.dataset, "seed": str(spec.seed)}
    given.update(_flat("method", spec.method_params))
    given.update(_flat("dataset", spec.dataset_params))
    return {_key(name): _trimmed(value, _PARAM_LENGTH) for name, value in given.items()}


def metrics(record: Record) -> Iterator[tuple[str, float, int]]:
    """Name, value and step of all that is a finite number; the history as ``history.NAME``, a step an epoch.

    MLflow has no word for an undefined metric and would store an infinity as 1.8e308.
    """
    resources = {name: getattr(record, name) for name in ("fit_seconds", "peak_rss_mb", "peak_gpu_mb")}
    for name, value in {**record.metrics, **resources}.items():
        if value is not None and math.isfinite(value):
            yield _key(name), value, 0
    for index, row in enumerate(record.history):
        epoch = row.get("epoch")
        step = index if epoch is None or not abs(epoch) < _MOST_STEPS else int(epoch)
        for name, value in row.items():
            if name != "epoch" and value is not None and math.isfinite(value):
                yield _key(f"history.{name}"), value, step


def write_artifacts(record: Record, folder: Path) -> None:
    """Write ``record.json`` and, for a run that went well, ``labels.npz`` with the int array ``labels``."""
    (folder / "record.json").write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
    if record.status != "ok" or not record.labels:
        return
    try:
        labels = unpack_labels(record.labels)
    except (ValueError, TypeError, zlib.error):
        # record.json still shows the text that holds no array.
        return
    np.savez_compressed(folder / "labels.npz", labels=labels)


def record_sha(record: Record) -> str:
    """sha256 of the record as JSON: equal records, equal text, in memory and read from a file."""
    return hashlib.sha256(record.model_dump_json().encode()).hexdigest()


def milliseconds(time: str) -> int | None:
    """Milliseconds since 1970 of a UTC time in ISO 8601; None if there is none."""
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for inner, held in value.items():
            yield from _flat(f"{name}.{inner}", held)
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _key(name: str) -> str:
    # MLflow makes files of keys, and refuses those that begin like the path of a folder.
    return re.sub(r"[^\w.\- ]|^\.|^$", "_", name)[:_KEY_LENGTH]


def _trimmed(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
