from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest

from bench.data import checksums
from bench.data.checksums import digest


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(checksums, "_SETTLED_NS", -1)
    path = tmp_path / "x.bin"
    path.write_bytes(b"first")
    return path


@pytest.fixture
def memo(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "checksums.json"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files whose content was looked at."""
    seen: list[Path] = []
    compute = checksums._compute

    def watched(path: Path, kind: str, size: int) -> str:
        seen.append(path)
        return compute(path, kind, size)

    monkeypatch.setattr(checksums, "_compute", watched)
    return seen


def test_a_file_is_read_once(file: Path, memo: Path, reads: list[Path]) -> None:
    for _ in range(3):
        assert digest(file, "sha256", memo) == hashlib.sha256(b"first").hexdigest()
    assert reads == [file]
    assert digest(file, "md5", memo) == hashlib.md5(b"first").hexdigest()


def test_a_changed_file_is_read_again(file: Path, memo: Path) -> None:
    digest(file, "sha256", memo)
    file.write_bytes(b"longer content")
    assert digest(file, "sha256", memo) == hashlib.sha256(b"longer content").hexdigest()


def test_a_change_that_keeps_size_and_time_of_modification_is_seen(file: Path, memo: Path) -> None:
    digest(file, "sha256", memo)
    before = file.stat()
    # Long enough for the time of the change itself to differ on any file system.
    while file.stat().st_ctime_ns == before.st_ctime_ns:
        file.write_bytes(b"FIRST")
        os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert digest(file, "sha256", memo) == hashlib.sha256(b"FIRST").hexdigest()


def test_what_has_just_been_written_is_not_remembered(
    file: Path, memo: Path, reads: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "_SETTLED_NS", 3_600 * 10**9)
    for _ in range(2):
        digest(file, "sha256", memo)
    assert len(reads) == 2
    assert not memo.exists()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256:PATH": "text"}', '{"sha256:PATH": []}', "\udcff"])
def test_a_corrupt_memo_is_done_without(file: Path, memo: Path, content: str) -> None:
    memo.parent.mkdir()
    memo.write_bytes(content.replace("PATH", str(file)).encode("utf-8", "surrogateescape"))
    assert digest(file, "sha256", memo) == hashlib.sha256(b"first").hexdigest()
    assert isinstance(json.loads(memo.read_text()), dict)


def test_a_memo_that_cannot_be_written_is_done_without(file: Path, tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where the folder should be")
    assert digest(file, "sha256", blocker / "checksums.json") == hashlib.sha256(b"first").hexdigest()


def test_a_full_disk_leaves_no_draft(file: Path, memo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    digest(file, "sha256", memo)
    assert list(memo.parent.iterdir()) == []


def test_files_that_are_gone_are_forgotten(file: Path, memo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.bin"
    shutil.copy(file, other)
    digest(other, "sha256", memo)
    other.unlink()
    digest(file, "sha256", memo)
    assert list(json.loads(memo.read_text())) == [f"sha256:{file}"]
