"""HAR: on the real texts where they are, and on a small archive of the same format."""

from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.datasets import har
from bench.datasets.har import Har

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import MissingDataError
from bench.metrics import ceilings

ZIP = "human+activity+recognition+using+smartphones.zip"


def small_texts() -> dict[str, bytes]:
    """Texts as UCI writes them: two leading blanks, exponents of three digits, line ends of two characters."""
    rng = np.random.default_rng(0)
    texts = {}
    for part, n in (("train", 12), ("test", 6)):
        rows = rng.uniform(-1, 1, size=(n, 561))
        lines = ["".join(f" {_number(value)}" for value in row) for row in rows]
        texts[f"X_{part}"] = ("\r\n".join(lines) + "\r\n").encode()
        texts[f"y_{part}"] = "".join(f"{1 + i % 6}\n" for i in range(n)).encode()
        texts[f"subject_{part}"] = "".join(f"{(7, 2, 30)[i % 3]}\n" for i in range(n)).encode()
    return texts


def _number(value: float) -> str:
    mantissa, exponent = f"{value:.7e}".split("e")
    return f"{mantissa:>10}e{int(exponent):+04d}"


def write_gz(folder: Path, texts: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt.gz").write_bytes(gzip.compress(text))


def write_zip(folder: Path, texts: dict[str, bytes]) -> Path:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            archive.writestr(f"UCI HAR Dataset/{name.rpartition('_')[2]}/{name}.txt", text)
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / ZIP, "w") as archive:
        archive.writestr("UCI HAR Dataset.names", "a description")
        archive.writestr("UCI HAR Dataset.zip", inner.getvalue())
    return folder / ZIP


def accept(texts: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `texts` the published ones."""
    monkeypatch.setattr(har, "_MD5", {name: hashlib.md5(text).hexdigest() for name, text in texts.items()})
    archive = Har.info.files[0]
    instead = (tuple(replace(file, checksum="") for file in archive.instead[0]),)
    monkeypatch.setattr(Har, "info", replace(Har.info, files=(replace(archive, instead=instead),)))


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    made = small_texts()
    accept(made, monkeypatch)
    return made


def load(folder: Path) -> FairData:
    return Har().load(Store((folder,)))


@pytest.mark.parametrize("write", [write_gz, write_zip])
def test_rows_are_those_of_the_training_part_then_of_the_test_part(tmp_path: Path, texts: dict, write) -> None:
    write(tmp_path / "har", texts)
    data = load(tmp_path)
    wanted = np.concatenate([np.loadtxt(io.BytesIO(texts[f"X_{part}"])) for part in ("train", "test")])
    assert data.X.shape == (18, 561)
    assert np.array_equal(data.X, wanted.astype(np.float32))
    assert data.y.tolist() == [i % 6 for i in range(12)] + [i % 6 for i in range(6)]
    assert data.class_names[0] == "WALKING"
    assert data.class_names[5] == "LAYING"
    assert data.group_names == ("2", "7", "30")
    assert data.sensitive.tolist() == [1, 0, 2] * 6


def test_archive_and_texts_give_the_same_content(tmp_path: Path, texts: dict) -> None:
    write_gz(tmp_path / "a" / "har", texts)
    write_zip(tmp_path / "b" / "har", texts)
    assert load(tmp_path / "a").content_hash() == load(tmp_path / "b").content_hash()


@pytest.mark.parametrize("write", [write_gz, write_zip])
def test_an_altered_text_is_refused(tmp_path: Path, texts: dict, write) -> None:
    write(tmp_path / "har", texts | {"y_test": texts["y_train"]})
    with pytest.raises(MissingDataError, match=r"y_test\.txt in it is not the published one"):
        load(tmp_path)


def test_a_text_cut_short_is_refused(tmp_path: Path, texts: dict) -> None:
    write_gz(tmp_path / "har", texts)
    path = tmp_path / "har" / "X_test.txt.gz"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MissingDataError, match=r"X_test\.txt\.gz cannot be used: it ends too early"):
        load(tmp_path)


def test_a_text_with_another_number_of_columns_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = small_texts()
    made["X_train"] = made["X_train"].replace(b"\r\n", b"  1.0000000e+000\r\n")
    accept(made, monkeypatch)
    write_gz(tmp_path / "har", made)
    with pytest.raises(MissingDataError, match=r"X_train\.txt\.gz.*562 columns instead of 561"):
        load(tmp_path)


def test_an_archive_without_the_inner_one_is_refused(tmp_path: Path, texts: dict) -> None:
    path = write_zip(tmp_path / "har", texts)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.txt", "nothing")
    with pytest.raises(MissingDataError, match=r"UCI HAR Dataset\.zip"):
        load(tmp_path)


def test_half_a_download_is_refused(tmp_path: Path, texts: dict) -> None:
    path = write_zip(tmp_path / "har", texts)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MissingDataError, match="smartphones"):
        load(tmp_path)


def test_texts_packed_otherwise_are_refused_by_their_checksum(tmp_path: Path) -> None:
    write_gz(tmp_path / "har", small_texts())
    with pytest.raises(MissingDataError, match=r"X_train\.txt\.gz is not the file that was published"):
        load(tmp_path)


def real_store() -> Store:
    store = Store.default()
    missing = store.missing(Har().files())
    if missing:
        pytest.skip(f"no folder in BENCH_DATA holds {missing[0].path} or its texts")
    return store


def test_real_sizes_and_ceilings() -> None:
    data = Har().load(real_store())
    assert data.X.shape == (10299, 561)
    assert (data.X.min(), data.X.max()) == (-1.0, 1.0)
    assert np.bincount(data.y).tolist() == [1722, 1544, 1406, 1777, 1906, 1944]
    persons = np.bincount(data.sensitive)
    assert len(persons) == 30
    assert (persons.min(), persons.max(), persons[0]) == (281, 409, 347)
    assert data.group_names == tuple(str(person) for person in range(1, 31))
    # The test part holds nine persons and comes last.
    test_persons = {data.group_names[group] for group in np.unique(data.sensitive[7352:])}
    assert test_persons == {"2", "4", "9", "10", "12", "13", "18", "20", "24"}
    limits = ceilings(data.y, data.sensitive)
    assert round(100 * limits["balance"], 2) == 48.42
    assert round(100 * limits["balance_ceiling"], 2) == 68.70
    assert round(100 * limits["mnce"], 2) == 99.68


def test_the_real_texts_in_an_archive_as_ucis(tmp_path: Path) -> None:
    located = real_store().locate(Har().files()[0])
    if len(located.paths) == 1:
        pytest.skip("the archive itself is there, and tested above")
    texts = {path.name.partition(".")[0]: gzip.decompress(path.read_bytes()) for path in located.paths}
    write_zip(tmp_path / "har", texts)
    assert load(tmp_path).content_hash() == Har().load(real_store()).content_hash()
