"""What can be said of a run without true labels: signs by which one of several restarts could be chosen."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import InvalidInputError
from bench.metrics import nmi
from bench.record import Record, unpack_labels

__all__ = ["CRITERIA", "RunCriteria", "information", "run_criteria"]

# In words, by field of RunCriteria; of all of them, higher is expected to be better.
CRITERIA = {
    "objective": "minus the loss of the last epoch",
    "information": "I(X;C|G) - I(G;C) of the last epoch (nats)",
    "agreement": "mean NMI with the other seeds' labels",
}


@dataclass(frozen=True)
class RunCriteria:
    """Label-free signs of one run; NaN where the run does not have one.

    Parameters
    ----------
    seed : int
        Seed of the run.
    objective : float
        Minus the ``loss`` in the last row of its history: what training maximised.
    information : float
        ``mi_xc_given_g`` - ``mi_gc`` in the last row of its history, in nats.
    agreement : float
        Mean NMI of its labels with those of every other run, in [0, 1].
    """

    seed: int
    objective: float
    information: float
    agreement: float


def run_criteria(records: Sequence[Record]) -> list[RunCriteria]:
    """Signs of restarts of one method on one data set, from their histories and labels alone.

    Parameters
    ----------
    records : sequence of Record
        At least two that ended well, equal but for the seed.

    Returns
    -------
    list of RunCriteria
        In the order of `records`. No true label plays a part: agreement is among runs.

    Raises
    ------
    InvalidInputError
        For fewer than two runs, runs that differ in more than their seed, or one that did not end well.
    """
    if len(records) < 2 or any(record.status != "ok" for record in records):
        raise InvalidInputError(f"{len(records)} runs given; criteria take at least two that ended well")
    if len({(*record.spec.cell[:-1], record.spec.data_hash) for record in records}) > 1:
        raise InvalidInputError("the runs differ in more than their seed; criteria compare restarts of one method")
    labels = [unpack_labels(record.labels) for record in records]
    # NMI is symmetric: each pair once.
    shared = {(i, j): nmi(labels[i], labels[j]) for j in range(len(labels)) for i in range(j)}
    return [
        RunCriteria(
            seed=record.spec.seed,
            objective=-_last(record, "loss"),
            information=information(record),
            agreement=statistics.fmean(value for pair, value in shared.items() if i in pair),
        )
        for i, record in enumerate(records)
    ]


def information(record: Record) -> float:
    """``mi_xc_given_g`` - ``mi_gc`` in the last row of the history, in nats; NaN where it does not hold both."""
    return _last(record, "mi_xc_given_g") - _last(record, "mi_gc")


def _last(record: Record, field: str) -> float:
    value = record.history[-1].get(field) if record.history else None
    return math.nan if value is None else value
