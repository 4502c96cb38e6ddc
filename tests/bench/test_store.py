from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import pytest

from bench.errors import MissingDataError
from bench.metadata import DataFile
from bench.store import Store

CONTENT = b"twelve bytes"
FILE = DataFile("set/x.bin", "https://example.org/x.bin", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}", 12)


def _put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / FILE.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_folders_are_searched_in_order(tmp_path: Path) -> None:
    second = _put(tmp_path / "b")
    store = Store((tmp_path / "a", tmp_path / "b"))
    assert store.locate(FILE).paths == (second,)
    first = _put(tmp_path / "a")
    assert store.locate(FILE).paths == (first,)


def test_bench_data_is_a_list_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    _put(tmp_path / "b")
    assert Store.default().locate(FILE).paths == (tmp_path / "b" / FILE.path,)


def test_a_missing_file_says_where_it_is_offered_and_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"set/x\.bin is not here.*https://example\.org/x\.bin.*BENCH_DATA"):
        Store((tmp_path,)).locate(FILE)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    _put(tmp_path, b"something else")
    with pytest.raises(MissingDataError, match="not the file that was published"):
        Store((tmp_path,)).locate(FILE)


def test_files_that_do_instead_are_taken_where_all_are_there(tmp_path: Path) -> None:
    parts = tuple(replace(FILE, path=f"set/{name}") for name in ("a", "b"))
    whole = replace(FILE, path="set/whole", instead=(parts,))
    store = Store((tmp_path,))
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a").write_bytes(CONTENT)
    assert store.missing([whole]) == [whole]
    (tmp_path / "set" / "b").write_bytes(CONTENT)
    assert store.locate(whole).files == parts
    (tmp_path / "set" / "whole").write_bytes(CONTENT)
    assert store.locate(whole).files == (whole,)


def test_a_file_without_a_checksum_is_taken_as_it_is(tmp_path: Path) -> None:
    path = _put(tmp_path, b"somebody's own features")
    assert Store((tmp_path,)).locate(replace(FILE, checksum="")).paths == (path,)
