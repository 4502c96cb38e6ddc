"""Mouse Atlas: the real cell sheet where it is, and a small matrix of the published format."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.datasets.mouse_atlas import MouseAtlas

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.metadata import DataFile
from bench.metrics import ceilings

MATRIX, SHEET = MouseAtlas.info.files
ARRAYS = SHEET.instead[0][0]
CELLS = ["T-cell_1.AAC", "NK_1.GGT", "T-cell_2.J18", "NK_2.M1"]
TYPES = ["T-cell", "NK", "T-cell", "NK"]
BATCHES = ["Batch_1", "Batch_1", "Batch_2", "Batch_2"]
# Genes by cells, in the order of CELLS.
COUNTS = np.array([[5, 0, 500, 10], [1, 7, 0, 900], [2, 2, 200, 200], [0, 0, 0, 90]])


def gitblob(content: bytes) -> str:
    return "gitblob:" + hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


def matrix_text(order: list[int], *, corner: bool = False, quote: str = "") -> str:
    """Text as R's write.table makes it, with the cells in some order."""
    header = "\t".join(f"{quote}{CELLS[cell]}{quote}" for cell in order)
    rows = [f"{quote}gene{i}{quote}\t" + "\t".join(str(row[cell]) for cell in order) for i, row in enumerate(COUNTS)]
    return "\n".join([("\t" if corner else "") + header, *rows]) + "\n"


def sheet_text() -> str:
    rows = [f"{cell}\t{kind}\tgut\t{batch}" for cell, kind, batch in zip(CELLS, TYPES, BATCHES, strict=True)]
    return "\n".join(["ct\ttissue\tbatchlb", *rows]) + "\n"


def put(folder: Path, file: DataFile, content: bytes) -> None:
    path = folder / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def put_arrays(folder: Path) -> None:
    (folder / ARRAYS.path).parent.mkdir(parents=True, exist_ok=True)
    np.savez(
        folder / ARRAYS.path,
        cells=np.array(CELLS),
        label=np.array([1, 0, 1, 0], dtype=np.int16),
        label_names=np.array(["NK", "T-cell"]),
        group=np.array([0, 0, 1, 1], dtype=np.int16),
        group_names=np.array(["Batch_1", "Batch_2"]),
    )


class SmallAtlas(MouseAtlas):
    """The real adapter, with no checksums but what a test asks for."""

    checksum = ""

    def files(self) -> tuple[DataFile, ...]:
        arrays = replace(ARRAYS, checksum="")
        return replace(MATRIX, checksum=self.checksum), replace(SHEET, checksum="", bytes=0, instead=((arrays,),))


def small(folder: Path, matrix: str | bytes | None = None, sheet: str | None = None, **params: object) -> FairData:
    text = matrix_text([0, 1, 2, 3]) if matrix is None else matrix
    put(folder, MATRIX, gzip.compress(text.encode()) if isinstance(text, str) else text)
    put(folder, SHEET, gzip.compress((sheet or sheet_text()).encode()))
    return SmallAtlas(**params).load(Store((folder,)))


@pytest.mark.parametrize("corner", [False, True])
@pytest.mark.parametrize("quote", ["", '"'])
def test_cells_come_in_the_order_of_the_sheet(tmp_path: Path, corner: bool, quote: str) -> None:
    text = matrix_text([2, 0, 3, 1], corner=corner, quote=quote)
    data = small(tmp_path, text, bound=None, normalise=False, log=False)
    assert np.array_equal(data.X, COUNTS.T)
    assert data.class_names == ("NK", "T-cell")
    assert data.y.tolist() == [1, 0, 1, 0]
    assert data.sensitive.tolist() == [0, 0, 1, 1]


def test_library_sizes_are_sums_over_the_matrix(tmp_path: Path) -> None:
    data = small(tmp_path, bound=None, log=False)
    assert pytest.approx(COUNTS.T / COUNTS.sum(axis=0)[:, np.newaxis] * 1e4, rel=1e-6) == data.X


def test_the_sheet_as_arrays_does_as_well(tmp_path: Path) -> None:
    first = small(tmp_path)
    (tmp_path / SHEET.path).unlink()
    put_arrays(tmp_path)
    assert SmallAtlas().load(Store((tmp_path,))).content_hash() == first.content_hash()


def test_more_genes_than_are_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = small(tmp_path)
    monkeypatch.setattr("bench.datasets.mouse_atlas._GENES_AT_A_TIME", 3)
    assert small(tmp_path).content_hash() == whole.content_hash()


def test_the_matrix_is_known_by_its_git_blob(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = gzip.compress(matrix_text([0, 1, 2, 3]).encode(), mtime=0)
    monkeypatch.setattr(SmallAtlas, "checksum", gitblob(content))
    assert small(tmp_path, content).n == 4
    with pytest.raises(MissingDataError, match=r"is not the file that was published \(gitblob "):
        small(tmp_path, gzip.compress(matrix_text([0, 1, 3, 2]).encode(), mtime=0))
    assert MATRIX.checksum == "gitblob:a5bb05ac4e76fb8d231c50e756e5b1c8672cb784"


DAMAGED = {
    "a cell is missing": (matrix_text([0, 1, 3]), r"lacks 1 of the 4 cells of .*: T-cell_2\.J18"),
    "no genes": (matrix_text([0, 1, 2, 3]).partition("\n")[0] + "\n", "cannot be used"),
    "empty": ("", "cannot be used"),
    "ragged": (matrix_text([0, 1, 2, 3]) + "gene5\t1\t2\n", "columns changed"),
    "text": (matrix_text([0, 1, 2, 3]).replace("500", "many"), "could not convert string 'many'"),
    "names missing": (
        matrix_text([0, 1, 2, 3]).replace("\tNK_1.GGT\tT-cell_2.J18", ""),
        "names 2 cells, and its genes",
    ),
    "not packed": (matrix_text([0, 1, 2, 3]).encode(), "Not a gzipped file"),
    "cut short": (gzip.compress(matrix_text([0, 1, 2, 3]).encode())[:-12], "cannot be used"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_matrix_is_named_in_one_line(tmp_path: Path, case: str) -> None:
    matrix, message = DAMAGED[case]
    with pytest.raises(MissingDataError, match=message) as refused:
        small(tmp_path, matrix)
    assert "\n" not in str(refused.value)
    assert "10x.txt.gz" in str(refused.value)


@pytest.mark.parametrize(("value", "message"), [("-3", "go down to -3"), ("nan", "NaN or infinities")])
def test_values_that_are_no_counts_are_refused(tmp_path: Path, value: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        small(tmp_path, matrix_text([0, 1, 2, 3]).replace("500", value))


@pytest.mark.parametrize("column", ["ct", "batchlb"])
def test_a_sheet_without_a_column_is_refused(tmp_path: Path, column: str) -> None:
    with pytest.raises(MissingDataError, match=rf"it has no column {column} \(it has "):
        small(tmp_path, sheet=sheet_text().replace(column, "other"))


def test_without_the_matrix_one_line_says_where_it_is() -> None:
    with pytest.raises(
        MissingDataError, match=r"10x\.txt\.gz .*is not here; .*githubusercontent.*BENCH_DATA"
    ) as missing:
        MouseAtlas().load(Store(()))
    assert "\n" not in str(missing.value)


def test_the_real_sheet_has_the_published_sizes_and_ceilings() -> None:
    located = Store.default(download=False).find(SHEET)
    if located is None or located.files != (ARRAYS,):
        pytest.skip("mouse_atlas_cells.npz is in no folder of BENCH_DATA")
    with np.load(located.paths[0], allow_pickle=False) as sheet:
        limits = ceilings(sheet["label"], sheet["group"])
        assert np.bincount(sheet["group"]).tolist() == [4239, 2715]
        assert len(np.unique(sheet["label"])) == 11
        assert len(set(sheet["cells"].tolist())) == 6954
    assert round(100 * limits["balance_ceiling"], 2) == 64.05
    assert round(100 * limits["balance"], 2) == 8.91
    assert round(100 * limits["mnce"], 2) == 42.33
