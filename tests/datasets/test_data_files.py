"""Files that are cut short, of another kind or hostile end in one line that names them."""

from __future__ import annotations

import bz2
import gzip
import re
import struct
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
from bench.datasets._files import decompressed, number_table, read_arrays
from bench.datasets._mnist import read_idx

from bench.errors import MissingDataError

PACKERS = {".gz": gzip.compress, ".bz2": bz2.compress}


def refused(path: Path, why: str) -> AbstractContextManager:
    """One line, naming the file, saying why and what to do."""
    line = rf"^(?=.*{re.escape(str(path))})(?=.*{re.escape(why)}).*fetch or make it again\Z"
    return pytest.raises(MissingDataError, match=line)


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_files_are_read_whole(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(PACKERS[suffix](b"1 2\n3 4\n"))
    assert decompressed(path, 8) == b"1 2\n3 4\n"
    with refused(path, "more than 7 bytes"):
        decompressed(path, 7)


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize(("share", "why"), [(0.5, "ends too early"), (0.9, "ends too early")])
def test_compressed_files_cut_short_are_refused(tmp_path: Path, suffix: str, share: float, why: str) -> None:
    path = tmp_path / f"text{suffix}"
    whole = PACKERS[suffix](np.random.default_rng(0).bytes(10_000))
    path.write_bytes(whole[: int(share * len(whole))])
    with refused(path, why):
        decompressed(path, 20_000)


@pytest.mark.parametrize("suffix", PACKERS)
def test_a_web_page_in_place_of_a_compressed_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"text{suffix}"
    path.write_bytes(b"<html>404 Not Found</html>")
    with refused(path, ""):
        decompressed(path, 100)


def test_an_altered_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "text.gz"
    content = bytearray(gzip.compress(b"1 2\n3 4\n" * 50))
    content[-6] ^= 1
    path.write_bytes(content)
    with refused(path, "CRC"):
        decompressed(path, 1000)


def test_number_tables_bear_blanks_and_line_ends_of_all_kinds() -> None:
    table = number_table(Path("t"), b"  1 -2.5e-001 \r\n 3   4\n", 2)
    assert table.tolist() == [[1.0, -0.25], [3.0, 4.0]]
    assert number_table(Path("t"), b"5 6\n", 2).shape == (1, 2)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b" \n", "empty"),
        (b"1 2\n3\n", "column"),
        (b"1 2\n3 x\n", "x"),
        (b"1 2 3\n", "3 columns instead of 2"),
        (b"1 nan\n", "NaN"),
        (b"# 1 2\n1 2\n", "#"),
        (b"\xff\xfe\x00", ""),
    ],
)
def test_number_tables_of_another_form_are_refused(text: bytes, why: str) -> None:
    with refused(Path("folder/table.txt"), why):
        number_table(Path("folder/table.txt"), text, 2)


def write_idx(path: Path, array: np.ndarray, magic: bytes | None = None, shape: tuple[int, ...] | None = None) -> Path:
    magic = bytes((0, 0, 8, array.ndim)) if magic is None else magic
    shape = array.shape if shape is None else shape
    path.write_bytes(gzip.compress(magic + struct.pack(f">{len(shape)}I", *shape) + array.tobytes()))
    return path


def test_idx_files_are_read_as_the_bytes_say(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(read_idx(write_idx(tmp_path / "a.gz", array), 3), array)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"magic": b"\0\0\x08\x01"}, "00 00 08 01 instead of 00 00 08 03"),
        ({"magic": b"\0\0\x0d\x03"}, "instead of"),
        ({"shape": (3, 3, 4)}, "36 values"),
        ({"shape": (1, 3, 4)}, "12 values"),
        ({"shape": (0, 3, 4)}, "sizes (0, 3, 4)"),
        ({"shape": (2**32 - 1,) * 3}, "sizes"),
    ],
)
def test_idx_files_with_a_wrong_header_are_refused(tmp_path: Path, changes: dict, why: str) -> None:
    path = write_idx(tmp_path / "a.gz", np.zeros((2, 3, 4), dtype=np.uint8), **changes)
    with refused(path, why):
        read_idx(path, 3)


@pytest.mark.parametrize("kept", [0, 10, 25, 60])
def test_idx_files_cut_short_are_refused(tmp_path: Path, kept: int) -> None:
    path = write_idx(tmp_path / "a.gz", np.random.default_rng(0).integers(256, size=(9, 9), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[:kept])
    with refused(path, ""):
        read_idx(path, 2)


def test_a_plain_file_is_no_idx_file(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(b"<html>not here</html>")
    with refused(path, "gzip"):
        read_idx(path, 3)


def test_arrays_are_read_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(3), b=np.array(["x"]), more=np.zeros(1))
    arrays = read_arrays(path, ("a", "b"))
    assert sorted(arrays) == ["a", "b"]
    assert arrays["a"].tolist() == [0, 1, 2]


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.array([{"any": "thing"}], dtype=object))
    with refused(path, "pickled objects"):
        read_arrays(path, ("a",))


def test_missing_arrays_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(3))
    with refused(path, "lacks b, c (it has a)"):
        read_arrays(path, ("a", "b", "c"))


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 half", b"\x93NUMPY\x01"])
def test_other_files_are_no_archive_of_arrays(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    with refused(path, "no .npz archive"):
        read_arrays(path, ("a",))


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    with path.open("wb") as stream:
        np.save(stream, np.arange(3))
    with refused(path, "no .npz archive"):
        read_arrays(path, ("a",))


def test_an_archive_with_an_altered_byte_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=np.arange(1000))
    content = bytearray(path.read_bytes())
    content[2000] ^= 1
    path.write_bytes(content)
    with refused(path, "CRC"):
        read_arrays(path, ("a",))
