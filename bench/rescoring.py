"""Metrics computed again from stored labels: a change of a metric needs no run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bench.conflicts import LABEL_FAULTS, Conflicts, same_metrics
from bench.data.prepared import Prepared, prepare
from bench.data.store import Store
from bench.errors import ADAPTER_FAULTS, BenchError, InvalidInputError
from bench.metrics import METRICS
from bench.record import Record, canonical_json, unpack_labels
from bench.records import RecordStore
from bench.registry import Registry
from bench.scoring import score

__all__ = ["Rescored", "rescore"]


@dataclass
class Rescored:
    """What computing the metrics again did.

    Parameters
    ----------
    changed, same : int
        Records with other metrics than before, and with the same.
    left : Counter
        Records that stay as they are because their metrics cannot be computed here, by the reason in one line.
    """

    changed: int = 0
    same: int = 0
    left: Counter[str] = field(default_factory=Counter)


def rescore(store: RecordStore, registry: Registry, data: Store) -> Rescored:
    """Compute the metrics of all runs that ended well from their labels and write those records that change.

    The records in conflict with others are scored as well, so that two that differ in the version of a metric
    alone agree afterwards.

    Parameters
    ----------
    store : RecordStore
        The records.
    registry : Registry
        Where data sets are looked up.
    data : Store
        Where their files are looked up.

    Raises
    ------
    ResultsError
        If a record cannot be written. Those written before stay, and the others are as they were.
    """
    scorer = _Scorer(registry, data)
    conflicts = Conflicts(store.folder)
    done = Rescored()
    for record in store:
        _renew(record, scorer, done, lambda _old, new: store.write(new))
    # All of them before any is written: a new content is a new file in the folder that is read.
    for record in list(conflicts):
        _renew(record, scorer, done, conflicts.replace)
    return done


def _renew(record: Record, scorer: _Scorer, done: Rescored, replace: Callable[[Record, Record], object]) -> None:
    if record.status != "ok":
        return
    try:
        metrics = scorer.metrics(record)
    except BenchError as error:
        done.left[" ".join(f"{record.spec.dataset}: {error}".split())] += 1
        return
    if same_metrics(record.metrics, metrics):
        done.same += 1
        return
    replace(record, record.model_copy(update={"metrics": metrics}))
    done.changed += 1


@dataclass(frozen=True)
class _Truth:
    """What labels are held against: classes (n,), None without ground truth, and groups (n,)."""

    y: NDArray[np.int64] | None
    sensitive: NDArray[np.int64]
    k: int
    content_hash: str

    @classmethod
    def of(cls, prepared: Prepared) -> _Truth:
        return cls(prepared.y(), prepared.sensitive(), prepared.k, prepared.content_hash)


class _Scorer:
    """Scores records; reads every data set once."""

    def __init__(self, registry: Registry, data: Store) -> None:
        self.registry = registry
        self.data = data
        self._known: dict[str, _Truth | BenchError] = {}

    def metrics(self, record: Record) -> dict[str, float | None]:
        """Metrics of `record` as a run has them; None where undefined.

        Raises
        ------
        BenchError
            If the data are not here, or are not those of the record.
        """
        truth = self._truth(record)
        if truth.content_hash != record.spec.data_hash:
            raise InvalidInputError(
                "the data on this machine are not those of the records (their content hash is another)"
            )
        try:
            labels = unpack_labels(record.labels)
        except LABEL_FAULTS:
            raise InvalidInputError("the stored labels cannot be read") from None
        if len(labels) != len(truth.sensitive):
            raise InvalidInputError(f"there are {len(labels)} stored labels for {len(truth.sensitive)} samples")
        # A metric of the user's own whose plug-in folder is not named this time keeps its value.
        kept = {name: value for name, value in record.metrics.items() if name not in METRICS}
        custom = self.registry.metrics.values()
        return kept | score(record.spec, labels, y=truth.y, sensitive=truth.sensitive, k=truth.k, custom=custom)

    def _truth(self, record: Record) -> _Truth:
        place = canonical_json([record.spec.dataset, record.spec.dataset_params])
        if place not in self._known:
            self._known[place] = self._read(record)
        found = self._known[place]
        if isinstance(found, BenchError):
            raise found
        return found

    def _read(self, record: Record) -> _Truth | BenchError:
        try:
            entry = self.registry.get("dataset", record.spec.dataset)
            return _Truth.of(prepare(entry, record.spec.dataset_params, self.data))
        except BenchError as error:
            return error
        except ADAPTER_FAULTS as error:
            return BenchError(f"{type(error).__name__}: {error}")
