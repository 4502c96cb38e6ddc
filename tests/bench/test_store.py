from __future__ import annotations

import hashlib
import os
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
    assert store.path(FILE) == second
    first = _put(tmp_path / "a")
    assert store.path(FILE) == first


def test_bench_data_is_a_list_of_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", os.pathsep.join([str(tmp_path / "a"), str(tmp_path / "b")]))
    _put(tmp_path / "b")
    assert Store.default().path(FILE) == tmp_path / "b" / FILE.path


def test_a_missing_file_says_where_it_is_offered_and_where_it_goes(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"set/x\.bin is not here.*https://example\.org/x\.bin.*BENCH_DATA"):
        Store((tmp_path,)).path(FILE)


def test_another_file_under_the_name_is_refused(tmp_path: Path) -> None:
    _put(tmp_path, b"something else")
    with pytest.raises(MissingDataError, match="not the file that was published"):
        Store((tmp_path,)).path(FILE)
