"""What every data set must do."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bench.adapters import Dataset, FairData
from bench.conformance.shared import (
    CallError,
    ConformanceError,
    called,
    metadata_is_literal,
    parameters_round_trip,
    torch_stays_out,
)
from bench.data.store import Store
from bench.errors import MissingDataError
from bench.metadata import DatasetInfo
from bench.registry import Entry

__all__ = ["DATASET_CHECKS"]


def data_are_as_declared(entry: Entry) -> None:
    """Shapes, dtypes, ids and sizes are as FairData and info say."""
    info, data = _dataset_info(entry), _loaded(entry)
    if data is None:
        return
    found = {"n": data.n, "k": data.k, "n_groups": data.n_groups}
    for name, value in found.items():
        declared = getattr(info, name)
        if declared is not None and declared != value:
            raise ConformanceError(f"info says {name}={declared}, the data have {value}")
    if (data.X.ndim == 4) != (info.kind == "image"):
        raise ConformanceError(f"info says kind='{info.kind}', X has shape {data.X.shape}")
    for name, ids, names in (("y", data.y, data.class_names), ("sensitive", data.sensitive, data.group_names)):
        if ids is not None and not np.array_equal(np.unique(ids), np.arange(len(names))):
            raise ConformanceError(f"{name} does not use every id of 0 .. {len(names) - 1}; use FairData.from_arrays")


def loading_repeats(entry: Entry) -> None:
    """Loading twice gives the same content, whatever the global random state."""
    first = _loaded(entry)
    if first is not None:
        again = _loaded(entry)
        if again is None or again.content_hash() != first.content_hash():
            raise ConformanceError("two loads differ; draw what is random from a seed that is a parameter")


def missing_files_are_named(entry: Entry) -> None:
    """Without its files, the data set says what is missing."""
    if not _dataset_info(entry).files:
        return
    dataset: Dataset = entry.load()()
    try:
        dataset.load(Store(()))
    except MissingDataError:
        return
    raise ConformanceError("load() without its files raises no MissingDataError; get files through store.locate")


DATASET_CHECKS: tuple[Callable[[Entry], None], ...] = (
    metadata_is_literal,
    torch_stays_out,
    parameters_round_trip,
    data_are_as_declared,
    loading_repeats,
    missing_files_are_named,
)


def _dataset_info(entry: Entry) -> DatasetInfo:
    if not isinstance(entry.info, DatasetInfo):
        raise ConformanceError("info is no DatasetInfo")
    return entry.info


def _loaded(entry: Entry) -> FairData | None:
    """The data, or None where the files are not on this machine."""
    dataset: Dataset = entry.load()()
    try:
        data = called(dataset.load, Store.default())
    except MissingDataError:
        return None
    if not isinstance(data, FairData):
        raise CallError(f"load returns a {type(data).__name__}; it must return what FairData.from_arrays gives")
    return data
