"""What is remembered of records is what their files say, whatever happened to either in between."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import pytest

from bench import outlines as module
from bench.plan import run_key
from bench.record import Record, RunSpec, pack_labels
from bench.records import RecordFile, RecordStore, RecordWarning, latest

N = 4


def record(seed: int = 0, **changes: object) -> Record:
    spec = RunSpec(
        method="kmeans",
        method_params={"n_init": 10},
        method_source="m",
        dataset="blobs",
        dataset_params={"n": 600},
        data_hash="d",
        seed=seed,
        protocol=1,
    )
    fields = {"key": run_key(spec), "spec": spec, "status": "ok", "metrics": {"acc": 0.5, "mnce": None}}
    fields |= {"history": [{"epoch": 0.0, "loss": 1.0}], "labels": pack_labels([0, 1, 1]), "versions": {"numpy": "2"}}
    return Record(**{**fields, **changes})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RecordStore:
    """Some records that count as many and as old: a memory is kept of them."""
    monkeypatch.setattr(module, "_WORTH_KEEPING", 0)
    monkeypatch.setattr(module, "_SETTLED_NS", -1)
    records = RecordStore(tmp_path / "results")
    records.prepare()
    for seed in range(N):
        records.write(record(seed))
    return records


def memo(store: RecordStore) -> Path:
    return store.folder / "records.cache"


def expected(store: RecordStore) -> list[Record]:
    """What the files say."""
    return [one.model_copy(update={"history": [], "labels": ""}) for one in store]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The records whose files are read."""
    seen: list[str] = []
    read = module.read_record

    def noted(path: Path) -> Record | None:
        seen.append(path.stem)
        return read(path)

    monkeypatch.setattr(module, "read_record", noted)
    return seen


def test_the_second_time_no_record_is_opened(store: RecordStore, opened: list[str]) -> None:
    first = store.outlines()
    assert first == expected(store)
    assert len(opened) == N
    assert store.outlines() == first
    assert len(opened) == N
    assert [one.key for one in first] == sorted(one.key for one in store)


def test_a_new_record_is_read_alone(store: RecordStore, opened: list[str]) -> None:
    store.outlines()
    store.write(record(N))
    opened.clear()
    assert store.outlines() == expected(store)
    assert opened == [record(N).key]


def test_a_deleted_record_is_gone(store: RecordStore) -> None:
    store.outlines()
    store.path(record(1).key).unlink()
    assert [one.spec.seed for one in latest(store.outlines())] == [0, 2, 3]


def test_a_record_replaced_within_the_same_moment_is_seen(store: RecordStore) -> None:
    store.outlines()
    path = store.path(record(1).key)
    before = path.stat()
    # Of the same size, with the same time of change.
    store.write(record(1, metrics={"acc": 0.7, "mnce": None}))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert [one.metrics["acc"] for one in latest(store.outlines())] == [0.5, 0.7, 0.5, 0.5]


def test_a_record_that_has_just_been_written_is_not_remembered(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a file system with coarse time stamps, a second change in place would leave no trace.
    monkeypatch.setattr(module, "_SETTLED_NS", 3_600_000_000_000)
    assert store.outlines() == expected(store)
    assert not memo(store).exists()


def test_a_memory_is_kept_of_many_records_only(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WORTH_KEEPING", N)
    assert store.outlines() == expected(store)
    assert not memo(store).exists()


def test_a_deleted_memory_is_done_without(store: RecordStore) -> None:
    first = store.outlines()
    memo(store).unlink()
    assert store.outlines() == first
    assert memo(store).exists()


def damages() -> dict[str, object]:
    return {
        "empty": lambda content: b"",
        "cut off": lambda content: content[:-100],
        "one figure changed": lambda content: content.replace(b'"acc":0.5', b'"acc":0.9', 1),
        "of another version": lambda content: content.replace(b"outlines 1", b"outlines 2"),
        "another file": lambda content: b"\x00\xff" * 100,
        "more than there was": lambda content: content + b"x\n",
    }


@pytest.mark.parametrize("damage", damages().values(), ids=damages())
def test_a_damaged_memory_is_done_without(store: RecordStore, damage) -> None:
    first = store.outlines()
    memo(store).write_bytes(damage(memo(store).read_bytes()))
    assert store.outlines() == first


def test_a_memory_of_records_of_another_form_is_done_without(store: RecordStore, opened: list[str]) -> None:
    first = store.outlines()
    head, _, body = memo(store).read_bytes().partition(b"\n")
    body = body.replace(b'"format":1', b'"format":0')
    memo(store).write_bytes(head[:-8] + b"%08x\n" % zlib.crc32(body) + body)
    opened.clear()
    assert store.outlines() == first
    assert len(opened) == N


def test_a_memory_that_cannot_be_written_is_done_without(store: RecordStore) -> None:
    memo(store).mkdir()
    assert store.outlines() == expected(store)


def test_a_memory_taken_elsewhere_is_done_without(store: RecordStore, tmp_path: Path, opened: list[str]) -> None:
    store.outlines()
    other = RecordStore(tmp_path / "other")
    other.prepare()
    other.write(record(0, metrics={"acc": 0.1, "mnce": None}))
    memo(other).write_bytes(memo(store).read_bytes())
    assert [one.metrics["acc"] for one in other.outlines()] == [0.1]


def test_an_unreadable_record_is_told_every_time(store: RecordStore) -> None:
    path = store.path(record(1).key)
    path.write_bytes(b"{")
    for _ in range(2):
        with pytest.warns(RecordWarning, match=f"{path.name} cannot be read"):
            assert len(store.outlines()) == N - 1


def test_two_readers_leave_a_whole_memory(store: RecordStore, opened: list[str]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: store.outlines(), range(8)))
    assert all(one == found[0] for one in found)
    opened.clear()
    assert store.outlines() == found[0]
    assert opened == []


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert RecordStore(tmp_path / "nowhere").outlines() == []


def test_a_file_of_records_has_outlines_too(tmp_path: Path) -> None:
    file = RecordFile(tmp_path / "a.jsonl")
    file.write([record(1), record(0)])
    assert {one.spec.seed for one in file.outlines()} == {0, 1}


@pytest.mark.parametrize("command", [("table",), ("export",), ("status",)])
def test_commands_say_the_same_with_a_memory(cli, store: RecordStore, command: tuple[str, ...]) -> None:
    first = cli(*command, "--results", store.folder)
    assert memo(store).exists()
    again = cli(*command, "--results", store.folder)
    assert (first.code, first.out) == (again.code, again.out) == (0, first.out)
    assert first.out
