from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bench.metadata import DatasetInfo, MethodInfo
from bench.plan import run_key
from bench.record import Record, RunSpec
from bench.reporting.cells import build_table
from bench.reporting.model import Table

RecordFactory = Callable[..., Record]


def make_record(
    method: str = "kmeans",
    dataset: str = "digits",
    seed: int = 0,
    *,
    params: dict[str, Any] | None = None,
    data: dict[str, Any] | None = None,
    status: Any = "ok",
    reason: str = "",
    source: str = "code",
    data_hash: str = "data",
    device: str = "cpu",
    commit: str = "0123456789abcdef",
    **metrics: float | None,
) -> Record:
    spec = RunSpec(
        method=method,
        method_params=params or {},
        method_source=source,
        dataset=dataset,
        dataset_params=data or {},
        data_hash=data_hash,
        seed=seed,
        protocol=1,
    )
    return Record(
        key=run_key(spec),
        spec=spec,
        status=status,
        reason=reason,
        metrics=metrics if status == "ok" else {},
        device=device,
        commit=commit,
    )


METHODS = {
    info.name: info
    for info in (
        MethodInfo("kmeans", "k-means"),
        MethodInfo("another", "Another"),
        MethodInfo("ae_kmeans", "AE + k-means", family="deep", published_as="AE"),
        MethodInfo("scfc", "ScFC", published_as="ScFC", max_groups=2, notes=("Fairlets of one sample a group.",)),
        MethodInfo("dfdc", "DFDC", family="deep", published_as="DFDC"),
        MethodInfo("fcmi", "FCMI", family="deep", published_as="FCMI"),
        MethodInfo("random", "Random labels", family="control"),
        MethodInfo("by_group", "By group", family="control"),
    )
}

DATASETS = {
    info.name: info
    for info in (
        DatasetInfo("digits", "Digits", "digit", "colour"),
        DatasetInfo("blobs", "Blobs", "blob", "group"),
        DatasetInfo("mnist_usps", "MNIST-USPS", "digit", "source", published_as="MNIST-USPS"),
        DatasetInfo("har", "HAR", "activity", "subject", published_as="HAR", notes=("Train and test parts joined.",)),
    )
}


@pytest.fixture
def record() -> RecordFactory:
    return make_record


@pytest.fixture
def table_of() -> Callable[..., Table]:
    """A table of some records with the metadata above."""

    def build(*records: Record, **options: Any) -> Table:
        return build_table(records, **{"methods": METHODS, "datasets": DATASETS, **options})

    return build


@pytest.fixture
def small_table(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Two data sets, two metrics, and one of everything a table can show."""
    # Gap notes come and go with the records that they explain.
    monkeypatch.setattr("bench.reporting.cells.explanation", lambda *_: "")
    records = []
    for seed in range(3):
        records += [
            make_record("kmeans", "mnist_usps", seed, acc=0.4, mnce=0.0),
            make_record("kmeans", "har", seed, acc=0.5 + 0.1 * seed, mnce=0.9),
            make_record("scfc", "mnist_usps", seed, acc=0.4004, mnce=0.95),
            make_record("scfc", "har", seed, status="not-applicable", reason="ScFC takes 2 groups, these data have 30"),
            make_record(
                "fcmi", "mnist_usps", seed, params={"beta": 0.2, "epochs": 30}, acc=0.9 + 0.01 * seed, mnce=0.9
            ),
            make_record("random", "mnist_usps", seed, acc=0.125, mnce=1.0),
        ]
    records += [
        make_record("fcmi", "har", 0, params={"beta": 0.0, "epochs": 30}, acc=0.8, mnce=0.97),
        make_record("fcmi", "har", 1, params={"beta": 0.0, "epochs": 30}, acc=0.9, mnce=0.99),
        make_record("fcmi", "har", 2, params={"beta": 0.0, "epochs": 30}, status="timeout", reason="no end after 60 s"),
        make_record("truth", "mnist_usps", acc=1.0, mnce=0.8462),
    ]
    return build_table(
        records,
        methods=METHODS,
        datasets=DATASETS,
        metrics=("acc", "mnce"),
        defaults={"fcmi": {"beta": 0.2, "epochs": 300}},
    )
