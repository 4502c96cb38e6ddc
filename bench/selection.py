"""What can be said of a run without true labels: signs by which one of several restarts could be chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import NDArray

from bench.errors import InvalidInputError
from bench.metrics import nmi
from bench.record import Record, unpack_labels

__all__ = ["CRITERIA", "RunCriteria", "information", "kept_restarts", "run_criteria"]

# Choices of restarts that are looked at: all of 5 out of 18.
_MOST_CHOICES = 10_000

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
    shared = _shared(records)
    return [
        RunCriteria(record.spec.seed, -_last(record, "loss"), information(record), float(np.delete(row, i).mean()))
        for i, (record, row) in enumerate(zip(records, shared, strict=True))
    ]


def kept_restarts(records: Sequence[Record], n_restarts: int) -> dict[str, list[int]]:
    """Which run each criterion keeps of `n_restarts` of them, for every choice of so many.

    What choosing by it is worth is the mean quality of these, beside that of all runs.

    Parameters
    ----------
    records : sequence of Record
        As for :func:`run_criteria`.
    n_restarts : int
        From 2 to the number of `records`.

    Returns
    -------
    dict of str to list of int
        Positions in `records` by criterion, one for every choice, of the first 10,000 choices at most; criteria that
        not all runs have are left out. Agreement is among the runs of the choice.

    Raises
    ------
    InvalidInputError
        As :func:`run_criteria`, and for another number of restarts.
    """
    if not 2 <= n_restarts <= len(records):
        raise InvalidInputError(
            f"n_restarts={n_restarts} given for {len(records)} runs; it goes from 2 to their number"
        )
    shared = _shared(records)
    np.fill_diagonal(shared, 0)
    choices = [np.array(choice) for choice in islice(combinations(range(len(records)), n_restarts), _MOST_CHOICES)]
    kept = {"agreement": [int(choice[shared[np.ix_(choice, choice)].sum(axis=1).argmax()]) for choice in choices]}
    own = {"objective": [-_last(record, "loss") for record in records], "information": list(map(information, records))}
    for name, values in own.items():
        signs = np.array(values)
        if np.isfinite(signs).all():
            kept[name] = [int(choice[signs[choice].argmax()]) for choice in choices]
    return kept


def _shared(records: Sequence[Record]) -> NDArray[np.float64]:
    """NMI of the labels of every two runs, (n, n)."""
    if len(records) < 2 or any(record.status != "ok" for record in records):
        raise InvalidInputError(f"{len(records)} runs given; criteria take at least two that ended well")
    if len({(*record.spec.cell[:-1], record.spec.data_hash) for record in records}) > 1:
        raise InvalidInputError("the runs differ in more than their seed; criteria compare restarts of one method")
    labels = [unpack_labels(record.labels) for record in records]
    shared = np.eye(len(labels))
    for i, j in combinations(range(len(labels)), 2):
        shared[i, j] = shared[j, i] = nmi(labels[i], labels[j])
    return shared


def information(record: Record) -> float:
    """``mi_xc_given_g`` - ``mi_gc`` in the last row of the history, in nats; NaN where it does not hold both."""
    return _last(record, "mi_xc_given_g") - _last(record, "mi_gc")


def _last(record: Record, field: str) -> float:
    value = record.history[-1].get(field) if record.history else None
    return math.nan if value is None else value
