from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bench.errors import ResultsError
from bench.record import Record, RunSpec, pack_labels, unpack_labels, without_folders
from bench.records import RecordFile, RecordStore, RecordWarning, open_records


def spec(**changes: object) -> RunSpec:
    fields = {
        "method": "kmeans",
        "method_params": {"n_init": 10},
        "method_source": "m",
        "dataset": "blobs",
        "dataset_params": {},
        "data_hash": "d",
        "seed": 0,
        "protocol": 1,
    }
    return RunSpec(**{**fields, **changes})


# Keys in order.
A, B, C, D, F = (digit * 64 for digit in "abcdf")


def record(key: str, *, ended: str = "2026-01-01T00:00:00.000+00:00", **changes: object) -> Record:
    fields = {"key": key, "spec": spec(), "status": "ok", "metrics": {"acc": 0.5, "mnce": None}, "ended": ended}
    return Record(**{**fields, **changes})


@pytest.fixture
def store(tmp_path: Path) -> RecordStore:
    records = RecordStore(tmp_path / "results")
    records.prepare()
    return records


@given(hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 70_000)))
def test_labels_survive(labels: np.ndarray) -> None:
    assert np.array_equal(unpack_labels(pack_labels(labels)), labels)


def test_labels_take_the_smallest_type() -> None:
    assert pack_labels([0, 255]).startswith("uint8:")
    assert pack_labels([0, 256]).startswith("uint16:")


def test_a_record_survives(store: RecordStore) -> None:
    written = record(A, history=[{"epoch": 0.0, "loss": 0.25}], labels=pack_labels([0, 1, 1]))
    store.write(written)
    assert store.read(A) == written
    assert store.read(B) is None
    assert [path.name for path in store.records.iterdir()] == [f"{A}.json"]


def test_infinite_history_is_written_as_nothing(store: RecordStore) -> None:
    store.write(record(A, history=[{"loss": float("inf"), "x": float("nan")}]))
    assert store.read(A).history == [{"loss": None, "x": None}]


@pytest.mark.parametrize("content", [b"", b"{", b'{"key": "a"}', b"\xff\xfe", b"[]"])
def test_a_corrupt_record_is_left_and_told(store: RecordStore, content: bytes) -> None:
    store.write(record(B))
    store.path(A).write_bytes(content)
    with pytest.warns(RecordWarning, match=f"{A}.json cannot be read"):
        assert store.read(A) is None
    with pytest.warns(RecordWarning):
        assert [r.key for r in store] == [B]
    assert store.path(A).read_bytes() == content


def test_current_is_the_latest_of_a_cell(store: RecordStore) -> None:
    store.write(record(F, ended="2026-01-01T00:00:00.000+00:00"))
    store.write(record(A, ended="2026-01-02T00:00:00.000+00:00", spec=spec(method_source="changed")))
    store.write(record(C, spec=spec(seed=1)))
    store.write(record(D, spec=spec(method_params={"n_init": 1})))
    assert [r.key for r in store.current()] == [A, C, D]


def test_a_later_run_takes_the_place_of_missing_data(store: RecordStore) -> None:
    store.write(record(A, status="missing-data", spec=spec(data_hash="missing")))
    store.write(record(B, ended="2026-02-01T00:00:00.000+00:00"))
    assert [r.status for r in store.current()] == ["ok"]


def test_frame_has_a_row_a_run(store: RecordStore) -> None:
    store.write(record(A))
    frame = store.frame()
    assert frame.loc[0, "acc"] == 0.5
    assert frame.loc[0, "method.n_init"] == 10


def test_a_failed_write_leaves_the_old_record(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(record(A))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultsError, match="No space left"):
        store.write(record(A, status="error"))
    monkeypatch.undo()
    assert store.read(A).status == "ok"
    assert [path.name for path in store.records.iterdir()] == [f"{A}.json"]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="cannot be written"):
        RecordStore(tmp_path / "file" / "results").prepare()


def test_embeddings_are_kept_beside(store: RecordStore) -> None:
    embedding = np.array([[0.5, -1.0], [2.0, 0.25]], dtype=np.float32)
    store.write_embedding(A, embedding)
    assert np.array_equal(store.embedding(A), embedding)
    assert store.embedding(B) is None


def test_a_file_of_records_is_the_same_whatever_their_order(tmp_path: Path) -> None:
    first, second = RecordFile(tmp_path / "a.jsonl"), RecordFile(tmp_path / "b.jsonl")
    records = [record(B, spec=spec(seed=1)), record(A)]
    first.write(records)
    second.write(records[::-1])
    assert first.path.read_bytes() == second.path.read_bytes()
    assert [r.key for r in first] == [A, B]


def test_a_broken_line_is_told_by_its_number(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "a.jsonl")
    file.write([record(A), record(B, spec=spec(seed=1))])
    file.path.write_text(file.path.read_text()[:-20])
    with pytest.warns(RecordWarning, match="line 2 cannot be read"):
        assert [r.key for r in file] == [A]


def test_a_missing_file_of_records_is_told(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="cannot be read"):
        list(open_records(tmp_path / "nowhere.jsonl"))


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("/home/me/x.npz is cut off", "x.npz is cut off"),
        ("[Errno 2] '/a/b/d.csv'", "[Errno 2] 'd.csv'"),
        (
            "see https://example.org/a/b, 3/4 of it, har/X.txt.gz",
            "see https://example.org/a/b, 3/4 of it, har/X.txt.gz",
        ),
    ],
)
def test_reasons_hold_no_folders(text: str, kept: str) -> None:
    assert without_folders(text) == kept
