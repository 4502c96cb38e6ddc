from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from bench.conflicts import Conflicts
from bench.data.prepared import prepare
from bench.data.store import Store
from bench.metrics import evaluate
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels
from bench.records import RecordStore
from bench.registry import Registry
from bench.rescoring import rescore

NOWHERE = Store(())
PARAMS = {"n": 60, "k": 3}


@pytest.fixture(scope="module")
def blobs():
    entry = Registry().get("dataset", "blobs")
    return prepare(entry, PARAMS, NOWHERE)


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    records = RecordStore(tmp_path / "results")
    records.prepare()
    return records


def record(blobs, seed: int = 0, *, spec: dict[str, object] | None = None, **changes: object) -> Record:
    fields = {
        "method": "kmeans",
        "method_params": {},
        "method_source": "m",
        "dataset": "blobs",
        "dataset_params": PARAMS,
        "data_hash": blobs.content_hash,
        "seed": seed,
        "protocol": 1,
    }
    made = RunSpec(**{**fields, **(spec or {})})
    labels = np.random.default_rng(seed).integers(3, size=60)
    other = {"key": run_key(made), "spec": made, "status": "ok", "labels": pack_labels(labels), "metrics": {"acc": 0.0}}
    return Record(**{**other, **changes})


def test_outdated_metrics_are_renewed_and_nothing_else(blobs, store: RecordStore) -> None:
    old = record(blobs, ended="2026-01-01T00:00:00.000+00:00", commit="abc", history=[{"epoch": 0.0}])
    store.write(old)
    done = rescore(store, Registry(), NOWHERE)
    assert (done.changed, done.same, done.left.total()) == (1, 0, 0)
    labels = np.random.default_rng(0).integers(3, size=60)
    expected = evaluate(blobs.y(), labels, blobs.sensitive(), n_clusters=3)
    assert store.read(old.key) == old.model_copy(update={"metrics": expected})


def test_scoring_again_writes_nothing(blobs, store: RecordStore) -> None:
    store.write(record(blobs))
    rescore(store, Registry(), NOWHERE)
    before = store.path(record(blobs).key).stat()
    done = rescore(store, Registry(), NOWHERE)
    assert (done.changed, done.same) == (0, 1)
    after = store.path(record(blobs).key).stat()
    assert (before.st_mtime_ns, before.st_ino) == (after.st_mtime_ns, after.st_ino)


def test_the_number_of_clusters_is_the_one_asked_for(blobs, store: RecordStore) -> None:
    asked = record(blobs, spec={"method_params": {"n_clusters": 5}})
    store.write(asked)
    rescore(store, Registry(), NOWHERE)
    assert store.read(asked.key).metrics["empty_clusters"] == 2.0


def test_undefined_metrics_are_none(store: RecordStore, write_plugin) -> None:
    plugins = write_plugin(
        "alone",
        """
        import numpy as np
        from bench.adapters import Dataset, FairData
        from bench.metadata import DatasetInfo

        class Alone(Dataset):
            "One group."

            info = DatasetInfo("alone", "Alone", "class", "group")

            def load(self, store):
                return FairData.from_arrays(np.eye(4), None, [0, 0, 0, 0], k=2)
        """,
    )
    registry = Registry([plugins])
    data = prepare(registry.get("dataset", "alone"), {}, NOWHERE)
    one = record(data, spec={"dataset": "alone", "dataset_params": {}}, labels=pack_labels([0, 1, 1, 0]))
    store.write(one)
    assert rescore(store, registry, NOWHERE).changed == 1
    metrics = store.read(one.key).metrics
    assert metrics["acc"] is None
    assert metrics["mnce"] is None
    assert metrics["entropy"] is not None


def test_failed_runs_are_not_scored(blobs, store: RecordStore) -> None:
    one = record(blobs, status="error", labels="", metrics={})
    store.write(one)
    done = rescore(store, Registry(), NOWHERE)
    assert (done.changed, done.same, done.left.total()) == (0, 0, 0)
    assert store.read(one.key) == one


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"spec": {"data_hash": "other"}}, "blobs: the data on this machine are not those of the records"),
        ({"spec": {"dataset": "har", "dataset_params": {}}}, "har: .*is not here"),
        ({"spec": {"dataset": "gone"}}, "gone: unknown data set 'gone'"),
        ({"spec": {"dataset_params": {"wings": 2}}}, "blobs: .*wings"),
        ({"labels": "uint8:torn"}, "blobs: the stored labels cannot be read"),
        ({"labels": pack_labels([0, 1])}, "blobs: there are 2 stored labels for 60 samples"),
    ],
)
def test_what_cannot_be_scored_here_is_left_in_one_line(
    blobs, store: RecordStore, changes: dict[str, object], reason: str
) -> None:
    records = [record(blobs, seed, **changes) for seed in range(3)]
    records = [one.model_copy(update={"key": run_key(one.spec)}) for one in records]
    for one in records:
        store.write(one)
    store.write(record(blobs, 9))
    done = rescore(store, Registry(), NOWHERE)
    assert done.changed == 1
    ((line, number),) = done.left.items()
    assert number == 3
    assert "\n" not in line
    assert re.match(reason, line)
    assert all(store.read(one.key) == one for one in records)


def test_records_that_differ_in_the_version_of_a_metric_agree_afterwards(blobs, store: RecordStore) -> None:
    store.write(record(blobs, metrics={"acc": 0.1}))
    conflicts = Conflicts(store.folder)
    conflicts.write(record(blobs, metrics={"acc": 0.2}))
    conflicts.write(record(blobs, metrics={"acc": 0.3}, labels=pack_labels(np.zeros(60, dtype=int))))
    assert len(conflicts.open()) == 2
    assert rescore(store, Registry(), NOWHERE).changed == 3
    (left,) = conflicts.open()
    assert left.differs == "labels"
    assert len(list(conflicts.folder.iterdir())) == 2
