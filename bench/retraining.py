"""Train what a record tells of once more: records keep labels, not networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.adapters import Method
from bench.data.prepared import Prepared
from bench.errors import InvalidInputError
from bench.record import Record, unpack_labels
from bench.registry import Entry

__all__ = ["retrain", "same_labels"]


def retrain(record: Record, method: Entry, data: Prepared, *, device: str = "auto") -> Method:
    """Fit the method of `record` with its parameters and seed, in this process.

    Parameters
    ----------
    record : Record
        A run that ended well.
    method : Entry
        Its method's adapter.
    data : Prepared
        Its data.
    device : str
        Where to train, for a method that asks.

    Returns
    -------
    Method
        Fitted. Other hardware or threads than those of the record can end in other labels: :func:`same_labels`.

    Raises
    ------
    InvalidInputError
        If `data` are not those of the record.
    BenchError
        If the method cannot be imported or refuses its input.
    """
    if data.content_hash != record.spec.data_hash:
        raise InvalidInputError(
            f"the data of {record.spec.dataset} on this machine are not those of the record (their content hash is "
            f"another); `bench run --methods {record.spec.method} --datasets {record.spec.dataset}` runs on these"
        )
    adapter = method.load()
    accepted = adapter().get_params(deep=False)
    given: dict[str, Any] = {"random_state": record.spec.seed, "device": device}
    own = {name: value for name, value in given.items() if name in accepted}
    fitted: Method = adapter(**{"n_clusters": data.k, **record.spec.method_params, **own})
    return fitted.fit(data.X(), sensitive_features=data.sensitive())


def same_labels(record: Record, fitted: Method) -> float:
    """Share of samples, in [0, 1], that `fitted` labels as the run of `record` did."""
    return float(np.mean(unpack_labels(record.labels) == fitted.labels_))
