from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from bench.prepared import prepare
from bench.registry import Registry
from bench.store import Store

BLOBS = Registry().datasets["blobs"]
NOWHERE = Store(())


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_arrays_survive(cache: Path) -> None:
    data = BLOBS.load()().load(None)
    prepared = prepare(BLOBS, {}, NOWHERE)
    assert np.array_equal(prepared.X(), data.X)
    assert np.array_equal(prepared.y(), data.y)
    assert np.array_equal(prepared.sensitive(), data.sensitive)
    assert prepared.content_hash == data.content_hash()
    assert (prepared.k, prepared.n_groups) == (3, 2)
    assert prepared.folder.is_relative_to(cache)


def test_the_second_time_nothing_is_loaded(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = prepare(BLOBS, {}, NOWHERE)
    monkeypatch.setattr(BLOBS.load(), "load", None)
    assert prepare(BLOBS, {}, NOWHERE).folder == first.folder


def test_other_parameters_are_other_data(cache: Path) -> None:
    assert prepare(BLOBS, {"n": 100}, NOWHERE).content_hash != prepare(BLOBS, {"n": 101}, NOWHERE).content_hash


def test_a_run_that_writes_into_x_changes_nobodys_data(cache: Path) -> None:
    prepared = prepare(BLOBS, {}, NOWHERE)
    mine = prepared.X()
    mine[0, 0] = 99
    assert prepared.X()[0, 0] != 99


def test_data_without_classes_have_none(cache: Path, write_plugin) -> None:
    folder = write_plugin(
        "unlabelled",
        """
        from bench.adapters import Dataset, FairData
        from bench.metadata import DatasetInfo

        class Unlabelled(Dataset):
            info = DatasetInfo(name="unlabelled", title="Unlabelled", target="", sensitive="s")

            def load(self, store):
                return FairData.from_arrays([[0.0], [1.0], [2.0]], None, ["a", "b", "a"], k=2)
        """,
    )
    prepared = prepare(Registry([folder]).datasets["unlabelled"], {}, NOWHERE)
    assert prepared.y() is None
    assert prepared.k == 2


def test_an_unusable_cache_is_done_without(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.write_text("a file where the folder should be")
    prepared = prepare(BLOBS, {}, NOWHERE)
    assert not prepared.folder.is_relative_to(cache)
    assert prepared.X().shape == (600, 8)


def test_half_a_preparation_is_no_preparation(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:

        def full(*_arguments: object, **_options: object) -> None:
            raise OSError(28, "No space left on device")

        patch.setattr(np, "save", full)
        with pytest.raises(OSError, match="No space left"):
            prepare(BLOBS, {}, NOWHERE)
    assert list((cache / "prepared").iterdir()) == []
    assert prepare(BLOBS, {}, NOWHERE).X().shape == (600, 8)


def test_a_faster_process_wins(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def late(source: Path, target: Path) -> None:
        monkeypatch.setattr(os, "replace", real)
        prepare(BLOBS, {}, NOWHERE)
        real(source, target)

    monkeypatch.setattr(os, "replace", late)
    assert prepare(BLOBS, {}, NOWHERE).X().shape == (600, 8)
    assert len(list((cache / "prepared").iterdir())) == 1
