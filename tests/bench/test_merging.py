from __future__ import annotations

import base64
import itertools
import os
import zlib
from pathlib import Path

import numpy as np
import pytest

from bench.conflicts import Conflicts, difference
from bench.errors import InvalidInputError, ResultsError
from bench.merging import merge
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels
from bench.records import RecordFile, RecordStore, RecordWarning

EARLY, MIDDLE, LATE = (f"2026-01-0{day}T00:00:00.000+00:00" for day in (1, 2, 3))


def record(seed: int = 0, *, labels: tuple[int, ...] = (0, 1, 1), **changes: object) -> Record:
    spec = RunSpec(
        method="kmeans",
        method_params={"n_init": 10},
        method_source="m",
        dataset="blobs",
        dataset_params={},
        data_hash="d",
        seed=seed,
        protocol=1,
    )
    fields = {"key": run_key(spec), "spec": spec, "status": "ok", "ended": EARLY}
    fields |= {"metrics": {"acc": 0.5, "mnce": None}, "labels": pack_labels(labels)}
    return Record(**{**fields, **changes})


def failed(status: str = "error", **changes: object) -> Record:
    unsuccessful = {"status": status, "metrics": {}, "labels": "", "reason": "a reason"}
    return record(**changes).model_copy(update=unsuccessful)


@pytest.fixture
def folder(tmp_path: Path):
    """Make a results folder that holds some records."""
    numbers = itertools.count()

    def make(*records: Record) -> RecordStore:
        store = RecordStore(tmp_path / f"results{next(numbers)}")
        store.prepare()
        for one in records:
            store.write(one)
        return store

    return make


def content(store: RecordStore) -> dict[str, bytes]:
    return {str(path.relative_to(store.folder)): path.read_bytes() for path in store.folder.rglob("*.*")}


def kept(store: RecordStore) -> list[Record]:
    return [conflict.record for conflict in Conflicts(store.folder).open()]


def test_folders_and_files_are_united(folder, tmp_path: Path) -> None:
    packed = RecordFile(tmp_path / "packed.jsonl")
    packed.write([record(2), record(3)])
    target = folder(record(0))
    counts = merge([folder(record(0), record(1)).folder, packed.path], target)
    assert counts == {"same": 1, "new": 3}
    assert {one.spec.seed for one in target} == {0, 1, 2, 3}


def test_merging_again_changes_nothing(folder) -> None:
    sources = [
        folder(record(0), record(1, labels=(0, 0, 1))).folder,
        folder(record(0, labels=(1, 1, 1), ended=LATE), failed(ended=LATE)).folder,
    ]
    target = folder(record(1))
    merge(sources, target)
    before = content(target)
    counts = merge(sources, target)
    assert content(target) == before
    assert counts["new"] == counts["replaced"] == 0


def test_a_folder_merged_into_itself_stays_as_it_is(folder) -> None:
    target = folder(record())
    merge([folder(record(labels=(1, 1, 1))).folder], target)
    before = content(target)
    merge([target.folder], target)
    assert content(target) == before


def test_sources_stay_as_they_are(folder) -> None:
    source = folder(record(ended=EARLY))
    before = content(source)
    merge([source.folder], folder(record(labels=(1, 1, 1), ended=LATE)))
    assert content(source) == before


@pytest.mark.parametrize(
    ("loser", "winner"),
    [
        (failed(ended=LATE), record(ended=EARLY)),
        (failed(ended=EARLY), failed("timeout", ended=LATE)),
        (failed("interrupted", ended=LATE), failed("oom", ended=EARLY)),
        (record(ended=EARLY, cpu="one"), record(ended=LATE, cpu="another")),
    ],
    ids=["ok wins", "then the later", "an interrupted run takes nothing away", "equal outcomes"],
)
def test_one_of_two_outcomes_wins_whichever_comes_first(folder, loser: Record, winner: Record) -> None:
    target = folder(loser)
    assert merge([folder(winner).folder], target) == {"replaced": 1}
    assert target.read(winner.key) == winner
    target = folder(winner)
    assert merge([folder(loser).folder], target) == {"outdone": 1}
    assert target.read(winner.key) == winner
    assert not (target.folder / "conflicts").exists()


@pytest.mark.parametrize(
    ("changes", "differs"),
    [({"labels": (1, 1, 1)}, "labels"), ({"metrics": {"acc": 0.6, "mnce": None}}, "metrics")],
)
def test_two_good_runs_that_disagree_are_both_kept(folder, changes: dict[str, object], differs: str) -> None:
    older, newer = record(ended=EARLY), record(ended=LATE, **changes)
    for first, second in ((older, newer), (newer, older)):
        target = folder(first)
        assert merge([folder(second).folder], target) == {"conflict": 1}
        assert list(target) == [newer]
        (conflict,) = Conflicts(target.folder).open()
        assert (conflict.record, conflict.differs) == (older, differs)
        assert conflict.path.is_file()


def test_the_order_of_sources_does_not_matter(folder) -> None:
    versions = [
        record(ended=EARLY),
        record(ended=MIDDLE, labels=(1, 1, 1)),
        record(ended=LATE),
        failed(ended=LATE),
    ]
    sources = [folder(version).folder for version in versions]
    outcomes = []
    for order in itertools.permutations(sources):
        target = folder()
        merge(order, target)
        outcomes.append((list(target), kept(target)))
    assert all(outcome == ([versions[2]], [versions[1]]) for outcome in outcomes)


def test_conflicts_of_a_source_come_along(folder) -> None:
    first = folder(record(ended=LATE))
    merge([folder(record(ended=EARLY, labels=(1, 1, 1))).folder], first)
    second = folder()
    merge([first.folder], second)
    assert kept(second) == kept(first)
    assert len(kept(second)) == 1


def test_a_conflict_that_a_new_run_agrees_with_is_none(folder) -> None:
    target = folder(record(ended=LATE))
    other = record(ended=EARLY, labels=(1, 1, 1))
    merge([folder(other).folder], target)
    target.write(record(ended=LATE, labels=(1, 1, 1)))
    assert kept(target) == []


def test_rounding_and_packing_are_no_difference() -> None:
    labels = np.arange(100, dtype=np.uint8) % 3
    packed = f"uint8:{base64.b64encode(zlib.compress(labels.tobytes(), 0)).decode()}"
    other = record(labels=tuple(labels))
    assert other.labels != packed
    rounded = other.model_copy(update={"labels": packed, "metrics": {"acc": 0.5 + 1e-15, "mnce": None}})
    assert difference(other, rounded) is None
    assert difference(other, other.model_copy(update={"labels": "uint8:no"})) == "labels"
    assert difference(other, other.model_copy(update={"metrics": {"acc": 0.5, "mnce": 0.0}})) == "metrics"
    assert difference(other, other.model_copy(update={"metrics": {"acc": 0.5}})) == "metrics"


def test_what_cannot_be_read_is_named_and_left(folder) -> None:
    source = folder(record(0))
    newer = record(1).model_dump_json().replace('"format":1', '"format":2')
    source.path("newer").write_text(newer)
    source.path("torn").write_text(record(2).model_dump_json()[:-20])
    target = folder()
    with pytest.warns(RecordWarning) as told:
        assert merge([source.folder], target) == {"new": 1}
    lines = sorted(str(line.message) for line in told)
    assert "newer.json cannot be read (it has format 2, this version of bench reads format 1)" in lines[0]
    assert "torn.json cannot be read" in lines[1]
    assert source.path("newer").read_text() == newer
    assert [one.spec.seed for one in target] == [0]


def test_a_record_that_cannot_be_read_is_not_written_over(folder) -> None:
    target = folder()
    newer = record().model_dump_json().replace('"format":1', '"format":2')
    target.path(record().key).write_text(newer)
    with pytest.warns(RecordWarning) as told:
        assert merge([folder(record()).folder], target) == {"left": 1}
    assert "has format 2" in str(told[0].message)
    assert f"{target.path(record().key)} is in its way" in str(told[1].message)
    assert target.path(record().key).read_text() == newer


@pytest.mark.parametrize("key", ["../../outside", "/tmp/outside", "0" * 64])
def test_a_key_that_is_not_that_of_the_run_is_not_taken(folder, tmp_path: Path, key: str) -> None:
    packed = RecordFile(tmp_path / "packed.jsonl")
    packed.write([record().model_copy(update={"key": key})])
    target = folder()
    before = sorted(tmp_path.rglob("*"))
    # What is no key at all makes no record.
    with pytest.warns(RecordWarning, match=r"kmeans on blobs, seed 0 is not taken|String should match pattern"):
        assert set(merge([packed.path], target)) <= {"left"}
    assert sorted(tmp_path.rglob("*")) == before


def test_embeddings_and_logs_come_along(folder) -> None:
    source = folder(record())
    source.write_embedding(record().key, np.ones((3, 2), dtype=np.float32))
    source.log_path(record().key).parent.mkdir()
    source.log_path(record().key).write_text("a word")
    target = folder()
    merge([source.folder], target)
    assert np.array_equal(target.embedding(record().key), np.ones((3, 2)))
    assert target.log_path(record().key).read_text() == "a word"


def test_an_embedding_stays_with_its_run(folder) -> None:
    key = record().key
    target = folder(record(ended=EARLY))
    target.write_embedding(key, np.ones((3, 2), dtype=np.float32))
    merge([folder(record(ended=MIDDLE)).folder], target)
    assert target.embedding(key) is not None
    merge([folder(record(ended=LATE, labels=(1, 1, 1))).folder], target)
    assert target.embedding(key) is None
    (conflict,) = Conflicts(target.folder).open()
    assert conflict.path.with_suffix(".npy").is_file()


def test_a_full_disk_loses_nothing(folder, monkeypatch: pytest.MonkeyPatch) -> None:
    older, newer = record(ended=EARLY), record(ended=LATE, labels=(1, 1, 1))
    source = folder(newer)
    sync = os.fsync
    # Room for no file, for the conflict alone, and for both.
    for room in range(3):
        target = folder(older)
        written = itertools.count()

        def full(descriptor: int, room: int = room, written: itertools.count[int] = written) -> None:
            if next(written) >= room:
                raise OSError(28, "No space left on device")
            sync(descriptor)

        monkeypatch.setattr(os, "fsync", full)
        if room < 2:
            with pytest.raises(ResultsError, match="No space left on device"):
                merge([source.folder], target)
            assert list(target) == [older]
            monkeypatch.setattr(os, "fsync", sync)
        merge([source.folder], target)
        assert list(target) == [newer]
        assert kept(target) == [older]
        assert not list(target.folder.rglob("*.tmp"))


def test_what_holds_no_records_is_refused_before_anything_is_merged(folder, tmp_path: Path) -> None:
    target, good = RecordStore(tmp_path / "new"), folder(record()).folder
    with pytest.raises(InvalidInputError, match="no results folder"):
        merge([good, tmp_path], target)
    with pytest.raises(InvalidInputError, match="is no file"):
        merge([good, tmp_path / "nowhere.jsonl"], target)
    assert not target.folder.exists()


def test_a_folder_of_conflicts_that_cannot_be_made_is_told(folder) -> None:
    target = folder(record(ended=EARLY))
    (target.folder / "conflicts").write_text("")
    with pytest.raises(ResultsError, match="conflicts cannot be made"):
        merge([folder(record(ended=LATE, labels=(1, 1, 1))).folder], target)
    assert list(target) == [record(ended=EARLY)]
