"""What runs will probably take: what earlier runs of the same kind took."""

from __future__ import annotations

import heapq
import warnings
from collections.abc import Iterable, Iterator
from datetime import datetime

from bench.execution.job import Cost
from bench.record import Record, RunSpec
from bench.records import RecordStore, RecordWarning, read_record

__all__ = ["Costs", "recent"]

# Enough for every method on every data set, and read within a second.
_RECENT = 2000


class Costs:
    """Costs of runs, learnt from records.

    Parameters
    ----------
    records : iterable of Record
        The latest first: of several of a kind the first one that measured a thing says what it takes. Only those
        that ended ``ok``, ``timeout`` or ``oom`` count.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        self._exact: dict[tuple[str, ...], Cost] = {}
        self._rough: dict[tuple[str, ...], Cost] = {}
        for record in records:
            if record.status in ("ok", "timeout", "oom"):
                method, _params, dataset, _dataset_params, _seed = record.spec.cell
                _update(self._exact, record.spec.cell[:4], record)
                _update(self._rough, (method, dataset), record)

    def of(self, spec: RunSpec) -> Cost:
        """What a run will probably take: as others of its parameters and any seed, else as others of any parameters."""
        rough = self._rough.get((spec.method, spec.dataset), Cost())
        return self._exact.get(spec.cell[:4], rough)


def recent(records: RecordStore) -> Iterator[Record]:
    """The records that were written last, the latest first; those that cannot be read are passed over."""
    stamped = []
    for path in records.records.glob("*.json"):
        try:
            stamped.append((path.stat().st_mtime_ns, path))
        except OSError:
            continue
    for _stamp, path in heapq.nlargest(_RECENT, stamped):
        with warnings.catch_warnings():
            # They were, or will be, complained of where they are asked for.
            warnings.simplefilter("ignore", RecordWarning)
            record = read_record(path)
        if record is not None:
            yield record


def _update(costs: dict[tuple[str, ...], Cost], kind: tuple[str, ...], record: Record) -> None:
    known = costs.get(kind, Cost())
    costs[kind] = Cost(
        seconds=_seconds(record) if known.seconds is None else known.seconds,
        rss_mb=record.peak_rss_mb if known.rss_mb is None else known.rss_mb,
        gpu_mb=record.peak_gpu_mb if known.gpu_mb is None else known.gpu_mb,
    )


def _seconds(record: Record) -> float | None:
    if record.status == "timeout" and record.started and record.ended:
        begun, ended = datetime.fromisoformat(record.started), datetime.fromisoformat(record.ended)
        return max(0.0, (ended - begun).total_seconds())
    return record.fit_seconds
