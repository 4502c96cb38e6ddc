"""The card of a data set: what it is, how classes and groups meet, and what can be reached on it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.data.prepared import Prepared, prepare
from bench.data.store import FileState, Store
from bench.errors import MissingDataError
from bench.metrics import ceilings, contingency, evaluate
from bench.plan import resolve_params
from bench.registry import Entry

__all__ = ["class_by_group", "dataset_card", "kmeans_on_input", "prepared_data"]

_FITTED_ON = 20_000


def dataset_card(entry: Entry, store: Store, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All that is known of a data set, as JSON values.

    Parameters
    ----------
    entry : Entry
        The data set's adapter.
    store : Store
        Where its files are.
    given : mapping, optional
        Parameters in place of defaults.

    Returns
    -------
    dict
        Metadata, ``parameters``, ``files`` with their state, and ``status``: ``"ready"`` or what is missing. Where
        the data are there also ``n``, ``shape``, ``k``, ``n_groups``, ``note``, ``content_hash``, ``class sizes``,
        ``group sizes``, ``class x group`` (counts by class name, in the order of the groups), ``ceilings (true
        labels)``, ``k-means on the input`` and ``k-means`` (how it was run). Metrics are fractions, None where
        undefined; without classes, what needs them is left out.

    Raises
    ------
    UnknownNameError
        For a parameter that the data set does not have.
    InvalidInputError
        If the data set refuses its parameters or its files' content.
    """
    params = resolve_params(entry, dict(given or {}))
    dataset = entry.load()(**params)
    card: dict[str, Any] = {
        **(asdict(entry.info) if entry.info else {}),
        "origin": entry.origin,
        "parameters": dataset.portable(params),
        "files": [_file_line(state) for state in store.state(dataset.files())],
    }
    try:
        data = prepare(entry, params, store)
    except MissingDataError as error:
        return {**card, "status": str(error)}
    return {**card, **_facts(data), "status": "ready"}


def prepared_data(entry: Entry, store: Store, given: Mapping[str, Any] | None = None) -> Prepared:
    """The data that :func:`dataset_card` describes.

    Raises
    ------
    MissingDataError
        If files are missing, with what to do.
    """
    return prepare(entry, resolve_params(entry, dict(given or {})), store)


def class_by_group(data: Prepared) -> NDArray[np.int64]:
    """Samples by class and group, shape (K, T); one row for all samples where there are no classes."""
    y, groups = data.y(), data.sensitive()
    rows = np.zeros_like(groups) if y is None else y
    counts: NDArray[np.int64] = contingency(None, rows, groups)[0]
    return counts


def kmeans_on_input(data: Prepared) -> tuple[dict[str, float], str]:
    """Metrics of k-means on X, and how it was run.

    scikit-learn's KMeans with ten starts and seed 0: labels of the samples it was fitted on, and of all others by
    the nearest centre. It is fitted on 20,000 samples at most, drawn once.

    Returns
    -------
    scores : dict of str to float
        As :func:`bench.metrics.evaluate`, over all samples.
    how : str
        One line for people.
    """
    from sklearn.cluster import KMeans

    X = data.X()
    X = X.reshape(len(X), -1)
    how = f"scikit-learn KMeans, K = {data.k}, best of 10 starts, seed 0"
    fitted_on = X
    if len(X) > _FITTED_ON:
        fitted_on = X[np.sort(np.random.default_rng(0).choice(len(X), _FITTED_ON, replace=False))]
        how += f"; fitted on {_FITTED_ON:,} samples, the others go to the nearest centre"
    labels = KMeans(data.k, n_init=10, random_state=0).fit(fitted_on).predict(X)
    return evaluate(data.y(), labels, data.sensitive(), n_clusters=data.k), how


def _facts(data: Prepared) -> dict[str, Any]:
    y, groups = data.y(), data.sensitive()
    table = class_by_group(data)
    class_names, group_names = data.facts["class_names"], data.facts["group_names"]
    limits = ceilings(y, groups)
    facts: dict[str, Any] = {
        "n": len(groups),
        "shape": data.facts["shape"],
        "k": data.k,
        "n_groups": data.n_groups,
        "note": data.note,
        "content_hash": data.content_hash,
        "group sizes": dict(zip(group_names, table.sum(axis=0).tolist(), strict=True)),
    }
    if y is not None:
        facts["class sizes"] = dict(zip(class_names, table.sum(axis=1).tolist(), strict=True))
        facts["class x group"] = dict(zip(class_names, table.tolist(), strict=True))
    facts["ceilings (true labels)"] = _defined(limits)
    if data.k <= len(groups):
        scores, how = kmeans_on_input(data)
        facts |= {"k-means on the input": _defined(scores), "k-means": how}
    return facts


def _defined(scores: Mapping[str, float]) -> dict[str, float | None]:
    """`scores` with None in place of NaN, for which JSON has no word."""
    return {name: None if math.isnan(score) else score for name, score in scores.items()}


def _file_line(state: FileState) -> dict[str, Any]:
    used = [file.path for file in state.located.files] if state.located else []
    return {
        **{name: getattr(state.file, name) for name in ("path", "what", "url", "checksum", "bytes")},
        "state": state.state,
        "used": used,
        "problem": state.problem,
    }
