"""Training what a record tells of once more."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.prepared import Prepared, prepare
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.plan import resolve_params, run_key
from bench.record import Record, RunSpec, pack_labels
from bench.registry import Registry
from bench.retraining import retrain, same_labels

FOUND = Registry()
KMEANS = FOUND.get("method", "kmeans")


@pytest.fixture
def blobs() -> Prepared:
    return prepare(FOUND.get("dataset", "blobs"), {"n": 120}, Store(()))


def record(data: Prepared, **changes: object) -> Record:
    fields = {
        "method": "kmeans",
        "method_params": resolve_params(KMEANS, {"n_init": 2}),
        "method_source": "s",
        "dataset": "blobs",
        "dataset_params": {"n": 120},
        "data_hash": data.content_hash,
        "seed": 3,
        "protocol": 1,
    }
    spec = RunSpec(**{**fields, **changes})
    labels = KMEANS.load()(n_clusters=data.k, n_init=2, random_state=3)
    labels.fit(data.X(), sensitive_features=data.sensitive())
    return Record(key=run_key(spec), spec=spec, status="ok", labels=pack_labels(labels.labels_))


def test_parameters_and_seed_are_those_of_the_record(blobs: Prepared) -> None:
    made = record(blobs)
    fitted = retrain(made, KMEANS, blobs)
    assert fitted.get_params()["n_init"] == 2
    assert fitted.get_params()["random_state"] == 3
    assert same_labels(made, fitted) == 1.0


def test_other_labels_are_counted(blobs: Prepared) -> None:
    made = record(blobs)
    fitted = retrain(made, KMEANS, blobs)
    fitted.labels_ = fitted.labels_.copy()
    fitted.labels_[:30] = (fitted.labels_[:30] + 1) % blobs.k
    assert same_labels(made, fitted) == 0.75


def test_other_data_are_refused(blobs: Prepared, tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInputError, match=r"not those of the record.*`bench run --methods kmeans --datasets blobs`"
    ):
        retrain(record(blobs, data_hash="other"), KMEANS, blobs)
