from __future__ import annotations

import gzip
import io
import stat
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from bench.data import archives
from bench.data.archives import extract_member
from bench.errors import MissingDataError

TEXT = b"1 2 3\n" * 10_000


def _zip(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def _tar(members: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _link(name: str, target: str, kind: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return out.getvalue()


def _header_of(size: int, kind: bytes) -> bytes:
    """A compressed tar whose first header claims, and has, a remark of `size` zeros."""
    out = io.BytesIO()
    with gzip.open(out, "wb") as stream:
        info = tarfile.TarInfo("remark")
        info.type, info.size = kind, size
        stream.write(info.tobuf(tarfile.GNU_FORMAT))
        for _ in range(max(size, 0) // 1_000_000):
            stream.write(bytes(1_000_000))
        stream.write(_tar({"a": TEXT}))
    return out.getvalue()


@pytest.fixture
def put(tmp_path: Path):
    def write(content: bytes, name: str = "set.archive") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


MEMBERS = {"folder/a.txt": TEXT, "folder/empty.txt": b""}
FORMS = {
    "zip": _zip(MEMBERS),
    "stored zip": _zip(MEMBERS, zipfile.ZIP_STORED),
    "tar": _tar(MEMBERS),
    "tar.gz": _tar(MEMBERS, "w:gz"),
    "tar.bz2": _tar(MEMBERS, "w:bz2"),
    "tar.xz": _tar(MEMBERS, "w:xz"),
}


@pytest.mark.parametrize("form", FORMS)
def test_members_are_read_whatever_the_file_is_called(put, form: str) -> None:
    archive = put(FORMS[form])
    assert extract_member(archive, "folder/a.txt") == TEXT
    assert extract_member(archive, "folder/empty.txt") == b""


def test_a_zip_inside_a_zip(put) -> None:
    inner = _zip({"UCI HAR Dataset/train/X_train.txt": TEXT})
    outer = put(_zip({"UCI HAR Dataset.zip": inner, "UCI HAR Dataset.names": b"how it came about"}))
    assert extract_member(outer, "UCI HAR Dataset.zip", "UCI HAR Dataset/train/X_train.txt") == TEXT
    assert extract_member(outer, "UCI HAR Dataset.zip") == inner


def test_a_tar_that_ends_like_a_zip(put) -> None:
    archive = put(_tar({"last.zip": _zip({"a": b"inner"}, zipfile.ZIP_STORED)}))
    assert zipfile.is_zipfile(archive)
    assert extract_member(archive, "last.zip", "a") == b"inner"


def test_names_with_idle_parts_are_found(put) -> None:
    assert extract_member(put(_tar({"./folder/a.txt": TEXT})), "folder/a.txt") == TEXT


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "C:\\evil", "\\\\host\\share\\evil"]
)
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_paths_that_lead_out_of_the_archive_are_refused(put, tmp_path: Path, pack, name: str) -> None:
    archive = put(pack({"good": TEXT, name: b"evil"}))
    before = sorted(tmp_path.parent.rglob("*"))
    for wanted in ("good", name):
        with pytest.raises(MissingDataError, match=r"set\.archive holds the path .*evil', which leads out of it"):
            extract_member(archive, wanted)
    assert sorted(tmp_path.parent.rglob("*")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_and_devices_in_a_tar_are_refused(put, kind: bytes) -> None:
    with pytest.raises(MissingDataError, match="a link in place of the file passwd"):
        extract_member(put(_link("passwd", "/etc/passwd", kind)), "passwd")


def test_links_in_a_zip_are_refused(put) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo("passwd")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(MissingDataError, match="a link in place of the file passwd"):
        extract_member(put(out.getvalue()), "passwd")


@pytest.mark.parametrize("form", FORMS)
def test_a_member_that_is_not_there(put, form: str) -> None:
    with pytest.raises(MissingDataError, match=r"set\.archive holds no b\.txt \(it holds folder/a\.txt"):
        extract_member(put(FORMS[form]), "b.txt")


@pytest.mark.parametrize("pack", [_zip, _tar])
def test_an_inner_member_that_is_not_there(put, pack) -> None:
    with pytest.raises(MissingDataError, match=r"set\.archive is not .*: in\.zip in set\.archive holds no b"):
        extract_member(put(pack({"in.zip": _zip({"a": b""})})), "in.zip", "b")
    with pytest.raises(MissingDataError, match=r"in\.zip in set\.archive is no zip or tar archive"):
        extract_member(put(pack({"in.zip": b"no archive"})), "in.zip", "b")


def test_a_folder_is_no_member(put) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.mkdir("folder")
    with pytest.raises(MissingDataError, match="holds no folder"):
        extract_member(put(out.getvalue()), "folder")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6])
def test_truncated_archives_are_one_line(put, form: str, share: float) -> None:
    whole = FORMS[form]
    archive = put(whole[: int(len(whole) * share)])
    with pytest.raises(MissingDataError, match=r"set\.archive is not the archive that was published: .*; replace it$"):
        extract_member(archive, "folder/a.txt")


@pytest.mark.parametrize("form", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_altered_archives_are_one_line(put, form: str) -> None:
    content = bytearray(FORMS[form])
    middle = len(content) // 3
    content[middle : middle + 20] = bytes(20)
    with pytest.raises(MissingDataError, match="is not the archive that was published") as caught:
        extract_member(put(bytes(content)), "folder/a.txt")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x1f\x8bnot gzip", b"PK\x03\x04 and no more"])
def test_what_is_no_archive(put, content: bytes) -> None:
    with pytest.raises(MissingDataError, match=r"set\.archive is no zip or tar archive, or a broken one \(.+\)"):
        extract_member(put(content), "a")


def test_an_archive_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"gone\.zip is not"):
        extract_member(tmp_path / "gone.zip", "a")


def test_an_encrypted_zip(put) -> None:
    content = bytearray(_zip({"a": TEXT}))
    # The flag for encryption, in the local header and in the directory.
    content[6] |= 1
    content[content.rindex(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(MissingDataError, match="encrypted"):
        extract_member(put(bytes(content)), "a")


@pytest.mark.parametrize("form", ["zip", "tar.gz"])
def test_a_bomb_is_not_unpacked(put, form: str) -> None:
    zeros = bytes(50_000_000)
    archive = put(_zip({"bomb": zeros}) if form == "zip" else _tar({"bomb": zeros}, "w:gz"))
    assert archive.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(MissingDataError, match="holds bomb with more than 1000 bytes"):
            extract_member(archive, "bomb", limit=1000)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()
    assert extract_member(archive, "bomb", limit=len(zeros)) == zeros


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_bomb_in_a_header_is_not_unpacked(put, kind: bytes) -> None:
    archive = put(_header_of(50_000_000, kind))
    assert archive.stat().st_size < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(MissingDataError, match="holds a header of 50000384 bytes"):
            extract_member(archive, "a")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_size_below_zero_is_refused(put, kind: bytes) -> None:
    with pytest.raises(MissingDataError, match="is not the archive that was published"):
        extract_member(put(_header_of(-1024, kind)), "a")


def test_a_tar_that_would_never_end_is_left(put, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_MOST_IN_TAR", 50_000)
    with pytest.raises(MissingDataError, match="unpacks to more than 50000 bytes"):
        extract_member(put(FORMS["tar.gz"]), "folder/empty.txt")
