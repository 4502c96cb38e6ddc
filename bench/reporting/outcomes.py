"""What became of the runs behind a number, in one line."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from bench.metrics import METRICS
from bench.record import Record
from bench.reporting.headers import MetricHeader
from bench.reporting.model import CellStatus

__all__ = ["run_outcome", "seed_values", "undefined_reason", "unused_clusters"]

_NEED_TRUE_LABELS = frozenset({"acc", "nmi", "ari"})
_NEED_GROUPS = frozenset({"mnce", "f_beta"})


def run_outcome(records: Sequence[Record]) -> tuple[CellStatus, str]:
    """Status of a row and column, and the reason for it.

    Parameters
    ----------
    records : sequence of Record
        One a seed; may be empty.

    Returns
    -------
    status : str
        As in :class:`bench.reporting.model.Entry`.
    reason : str
        ``""`` for ``ok``; otherwise such as ``"3 of 5 seeds; 2 timeout: no end after 60 s"``.
    """
    if not records:
        return "not-run", "not run"
    failures = Counter((record.status, record.reason) for record in records if record.status != "ok")
    n_ok = len(records) - failures.total()
    # Most frequent first, then by name, so that the order of the records plays no part.
    causes = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    if not causes:
        return "ok", ""
    if n_ok:
        return "partial", "; ".join([f"{n_ok} of {len(records)} seeds", *(_cause(*cause) for cause in causes)])
    if len(causes) == 1:
        return causes[0][0][0], _sentence(*causes[0][0])
    return causes[0][0][0], "; ".join(_cause(*cause) for cause in causes)


def undefined_reason(metric: str, metrics: Mapping[str, float | None]) -> str:
    """Why a run that ended ``ok`` has no value of `metric`.

    Parameters
    ----------
    metric : str
        Metric key.
    metrics : mapping of str to float or None
        What the run's record holds.
    """
    if metric not in metrics:
        plugins = "" if metric in METRICS else " --plugins DIR"
        return f"{metric} is not in the record: `bench rescore{plugins}` computes it from the stored labels"
    if metric in _NEED_TRUE_LABELS or (metric == "f_beta" and metrics.get("nmi", 0.0) is None):
        return "no true labels"
    return "undefined for one group" if metric in _NEED_GROUPS else "undefined"


def unused_clusters(records: Sequence[Record]) -> str:
    """What is to be said of seeds that ended ``ok`` with fewer clusters than they were asked for.

    Parameters
    ----------
    records : sequence of Record
        One a seed.

    Returns
    -------
    str
        Such as ``"2 of 5 seeds left 1 to 3 clusters empty"``; ``""`` where all clusters of all seeds are in use.
    """
    ended = [record.metrics.get("empty_clusters") or 0 for record in records if record.status == "ok"]
    empty = sorted(int(count) for count in ended if count)
    if not empty:
        return ""
    count = f"{empty[0]}" if empty[0] == empty[-1] else f"{empty[0]} to {empty[-1]}"
    who = f"{len(empty)} of {len(ended)} seeds" if len(ended) > 1 else "the run"
    return f"{who} left {count} cluster{'' if empty[-1] == 1 else 's'} empty"


def _cause(kind: tuple[str, str], count: int) -> str:
    return f"{count} {_sentence(*kind)}"


def _sentence(status: str, reason: str) -> str:
    return f"{status}: {reason}" if reason else status


def seed_values(records: Sequence[Record], header: MetricHeader) -> tuple[tuple[int, float], ...]:
    """Seed and value, in the table's unit and by seed, of the runs that ended well and have a finite one."""
    found = [(record.spec.seed, record.metrics.get(header.key)) for record in records if record.status == "ok"]
    known = [(seed, value * header.scale) for seed, value in found if value is not None and math.isfinite(value)]
    return tuple(sorted(known))
