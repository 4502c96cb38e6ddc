"""MNIST-USPS: on the real files where they are, and on small files of the same formats."""

from __future__ import annotations

import bz2
import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.datasets import mnist_usps
from bench.datasets._images import blank, paste, resize_grey
from bench.datasets._usps import grey_levels, read_esl, read_libsvm, read_served, smoothed
from bench.datasets.mnist_usps import MnistUsps
from PIL import Image
from sklearn.cluster import KMeans

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import InvalidInputError, MissingDataError
from bench.metadata import DataFile
from bench.metrics import ceilings, evaluate

N_MNIST, N_USPS = 30, 20
FORMS = ("usps.bz2", "usps_torchvision_uint8.npz", "zip.train.gz")


# Small files.


def unchecked(file: DataFile) -> DataFile:
    sets = tuple(tuple(unchecked(other) for other in files) for files in file.instead)
    return replace(file, checksum="", instead=sets)


def write_mnist(folder: Path, n: int = N_MNIST, n_labels: int | None = None) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(256, size=(n, 28, 28), dtype=np.uint8)
    labels = np.arange(n if n_labels is None else n_labels, dtype=np.uint8) % 10
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in (("images-idx3", pixels), ("labels-idx1", labels)):
        header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(header + array.tobytes()))
    return pixels


def usps_values(n: int = N_USPS) -> np.ndarray:
    """Strokes on background, with three decimals as in the unsmoothed file."""
    values = np.full((n, 16, 16), -1.0)
    values[:, 4:12, 6:10] = np.random.default_rng(1).integers(-1000, 1001, size=(n, 8, 4)) / 1000
    return values


def write_usps(folder: Path, form: str, values: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    digits = np.arange(len(values)) % 10
    path = folder / form
    if form == "zip.train.gz":
        lines = [
            f"{d:.4f} " + " ".join(f"{v:.4f}" for v in x.ravel()) + " " for d, x in zip(digits, values, strict=True)
        ]
        path.write_bytes(gzip.compress("\n".join(lines).encode() + b"\n"))
    elif form == "usps.bz2":
        rows = zip(digits, smoothed(values.astype(np.float32)), strict=True)
        lines = [f"{d + 1} " + " ".join(f"{i}:{v:.6f}" for i, v in enumerate(x.ravel(), 1)) for d, x in rows]
        path.write_bytes(bz2.compress("\n".join(lines).encode() + b"\n"))
    else:
        images = grey_levels(smoothed(values.astype(np.float32)))
        np.savez(path, train_images=images, train_labels=digits.astype(np.uint8))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data folder with a small MNIST; USPS is up to the test."""
    files = tuple(unchecked(file) for file in MnistUsps.info.files)
    monkeypatch.setattr(MnistUsps, "info", replace(MnistUsps.info, files=files))
    monkeypatch.setattr(mnist_usps, "_ESL", unchecked(mnist_usps._ESL))
    write_mnist(tmp_path / "mnist")
    return tmp_path


def load(folder: Path, **params: object) -> FairData:
    return MnistUsps(**params).load(Store((folder,)))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_usps_gives_the_same_images(folder: Path, form: str) -> None:
    write_usps(folder / "usps", form, usps_values())
    data = load(folder)
    assert data.X.shape == (N_MNIST + N_USPS, 1, 28, 28)
    assert data.X.dtype == np.float32
    assert (data.X.min(), data.X.max()) == (-1.0, 1.0)
    assert np.bincount(data.sensitive).tolist() == [N_MNIST, N_USPS]
    assert data.group_names == ("MNIST", "USPS")
    assert data.y.tolist() == [*(np.arange(N_MNIST) % 10), *(np.arange(N_USPS) % 10)]
    grey = grey_levels(smoothed(usps_values().astype(np.float32)))
    wanted = blank(N_USPS, 28)
    paste(resize_grey(grey, 28), wanted)
    assert np.array_equal(data.X[N_MNIST:], wanted)


def test_the_note_says_which_usps_was_read(folder: Path) -> None:
    notes = {}
    for form in reversed(FORMS):
        write_usps(folder / "usps", form, usps_values())
        notes[form] = load(folder).note
    derived = "USPS (LIBSVM/torchvision, train part re-derived), resized to 28 x 28"
    assert notes == {
        "usps.bz2": "USPS (LIBSVM), resized to 28 x 28",
        "usps_torchvision_uint8.npz": derived,
        "zip.train.gz": derived,
    }
    assert load(folder, usps="esl").note == "USPS (ESL), resized to 28 x 28"
    assert load(folder, usps="esl", size=32).note == "USPS (ESL), padded to 32 x 32"


def test_esl_images_are_not_smoothed(folder: Path) -> None:
    write_usps(folder / "usps", "zip.train.gz", usps_values())
    plain = load(folder, usps="esl", size=32).X[N_MNIST:, 0]
    grey = grey_levels(usps_values().astype(np.float32))
    assert np.array_equal(np.round((plain[:, 8:24, 8:24] + 1) / 2 * 255), grey)
    assert not np.array_equal(plain, load(folder, size=32).X[N_MNIST:, 0])


def test_files_depend_on_the_form(folder: Path) -> None:
    assert [file.path for file in MnistUsps().files()][-1] == "usps/usps.bz2"
    assert [file.path for file in MnistUsps(usps="esl").files()][-1] == "usps/zip.train.gz"
    write_usps(folder / "usps", "usps.bz2", usps_values())
    with pytest.raises(MissingDataError, match=r"zip\.train\.gz"):
        load(folder, usps="esl")


def test_padding_leaves_the_digits_as_they_are(folder: Path) -> None:
    write_usps(folder / "usps", "usps.bz2", usps_values())
    data = load(folder, size=32)
    assert data.X.shape == (N_MNIST + N_USPS, 1, 32, 32)
    for images, margin in ((data.X[:N_MNIST, 0], 2), (data.X[N_MNIST:, 0], 8)):
        frame = np.ones((32, 32), dtype=bool)
        frame[margin:-margin, margin:-margin] = False
        assert (images[:, frame] == -1).all()
    assert np.array_equal(data.X[:N_MNIST, :, 2:-2, 2:-2], load(folder).X[:N_MNIST])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"usps": "usps"}, "usps='usps' given; it takes libsvm or esl"),
        ({"size": 30}, "size=30 given; it takes 28"),
        ({"size": 28.0}, "size=28.0 given"),
    ],
)
def test_other_parameters_are_refused(folder: Path, params: dict, message: str) -> None:
    write_usps(folder / "usps", "usps.bz2", usps_values())
    with pytest.raises(InvalidInputError, match=message):
        load(folder, **params)


def test_labels_of_another_file_are_refused(folder: Path) -> None:
    write_usps(folder / "usps", "usps.bz2", usps_values())
    write_mnist(folder / "mnist", n_labels=N_MNIST - 1)
    with pytest.raises(MissingDataError, match=r"train-labels-idx1-ubyte\.gz.*29 labels for 30 images"):
        load(folder)


def test_an_altered_file_is_refused_by_its_checksum(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    with pytest.raises(MissingDataError, match=r"train-images-idx3-ubyte\.gz is not the file that was published"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda text: text.replace("256:", "257:", 1), "numbered 1 to 256"),
        (lambda text: "0" + text[1:], "ten digits"),
        (lambda text: text.replace("1:-", "1:-7", 1), "leave"),
        (lambda text: text.rpartition(" ")[0], "columns"),
    ],
)
def test_libsvm_text_of_another_form_is_refused(tmp_path: Path, change, why: str) -> None:
    write_usps(tmp_path, "usps.bz2", usps_values())
    path = tmp_path / "usps.bz2"
    path.write_bytes(bz2.compress(change(bz2.decompress(path.read_bytes()).decode()).encode()))
    with pytest.raises(MissingDataError, match=rf"usps\.bz2 cannot be used: .*{why}"):
        read_libsvm(path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"train_images": np.zeros((3, 28, 28), np.uint8)}, "train_images"),
        ({"train_images": np.zeros((3, 16, 16))}, "train_images is float64"),
        ({"train_labels": np.zeros(2, np.uint8)}, "train_labels"),
        ({"train_labels": np.zeros(3)}, "train_labels is float64"),
        ({"train_labels": np.full(3, 10, np.uint8)}, "ten digits"),
    ],
)
def test_an_archive_of_another_form_is_refused(tmp_path: Path, changes: dict, why: str) -> None:
    arrays = {"train_images": np.zeros((3, 16, 16), np.uint8), "train_labels": np.zeros(3, np.uint8)}
    np.savez(tmp_path / "a.npz", **(arrays | changes))
    with pytest.raises(MissingDataError, match=why):
        read_served(tmp_path / "a.npz")


def test_grey_levels_are_cut_off_as_torchvision_does() -> None:
    values = np.array([-1, -0.999, -0.992, 0, 0.9999, 1], dtype=np.float32)
    assert grey_levels(values).tolist() == [0, 0, 1, 127, 254, 255]


def test_smoothing_keeps_background_and_spreads_a_point() -> None:
    values = np.full((1, 16, 16), -1, dtype=np.float32)
    assert np.array_equal(smoothed(values), values)
    values[0, 8, 8] = 1
    result = smoothed(values)[0] + 1
    assert result.sum() == pytest.approx(2, abs=1e-3)
    # Neighbouring weights of a Gaussian with sigma 0.75 have the ratio exp(-1 / (2 * 0.75^2)).
    assert result[8, 9] / result[8, 8] == pytest.approx(np.exp(-1 / 1.125), rel=1e-5)
    assert np.array_equal(result, result.T)
    assert result[8, 12] == 0


def test_resizing_is_pillows_on_grey_levels() -> None:
    images = np.random.default_rng(0).integers(256, size=(3, 16, 16), dtype=np.uint8)
    resized = resize_grey(images, 28)
    assert resized.dtype == np.uint8
    smooth = Image.fromarray(images[1].astype(np.float32)).resize((28, 28), Image.Resampling.BILINEAR)
    assert np.abs(resized[1] - np.asarray(smooth)).max() <= 1
    assert (resize_grey(np.full((1, 16, 16), 77, np.uint8), 28) == 77).all()


def test_scaling_is_totensor_and_normalize() -> None:
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    into = blank(1, 16)
    paste(images, into)
    wanted = (images.astype(np.float32) / np.float32(255) - np.float32(0.5)) / np.float32(0.5)
    assert np.array_equal(into[0], wanted)


# The real files.


def require(params: dict) -> None:
    missing = Store.default().missing(MnistUsps(**params).files())
    if missing:
        pytest.skip(f"no folder in BENCH_DATA holds {missing[0].path}")


@pytest.fixture(scope="module")
def real() -> FairData:
    require({})
    return MnistUsps().load(Store.default())


def test_real_sizes_and_ceilings(real: FairData) -> None:
    assert real.X.shape == (67291, 1, 28, 28)
    assert (real.X.min(), real.X.max()) == (-1.0, 1.0)
    assert np.bincount(real.sensitive).tolist() == [60000, 7291]
    mnist = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(real.y[:60000]).tolist() == mnist
    assert np.bincount(real.y[60000:]).tolist() == [1194, 1005, 731, 658, 652, 556, 664, 645, 542, 644]
    limits = ceilings(real.y, real.sensitive)
    assert round(100 * limits["balance"], 2) == 9.26
    assert round(100 * limits["mnce"], 2) == 84.62
    assert round(100 * limits["balance_ceiling"], 2) == 12.15


def test_real_images_lie_upright(real: FairData) -> None:
    # The mean "1" of both sources is a bar: more light in its column than in its row.
    for group in (0, 1):
        one = real.X[(real.y == 1) & (real.sensitive == group), 0].mean(axis=0)
        assert one[:, 12:16].mean() > one[12:16].mean() + 0.3
        seven = real.X[(real.y == 7) & (real.sensitive == group), 0].mean(axis=0)
        assert seven[:14].mean() > seven[14:, :14].mean() + 0.05


def test_kmeans_on_the_real_pixels_is_unfair(real: FairData) -> None:
    labels = KMeans(10, n_init=1, random_state=0).fit_predict(real.X.reshape(real.n, -1))
    assert 100 * evaluate(real.y, labels, real.sensitive)["mnce"] < 5


def test_real_padded_and_unsmoothed_forms() -> None:
    params = {"usps": "esl", "size": 32}
    require(params)
    data = MnistUsps(**params).load(Store.default())
    assert data.X.shape == (67291, 1, 32, 32)
    assert (data.X[60000:, :, :8] == -1).all()
    assert np.bincount(data.sensitive).tolist() == [60000, 7291]


def real_path(name: str) -> Path:
    found = [path for folder in Store.default().folders if (path := folder / "usps" / name).is_file()]
    if not found:
        pytest.skip(f"no folder in BENCH_DATA holds usps/{name}")
    return found[0]


def test_the_real_test_part_of_libsvm_is_read_as_torchvision_serves_it() -> None:
    values, digits = read_libsvm(real_path("usps.t.bz2"))
    served = np.load(real_path("usps_torchvision_uint8.npz"), allow_pickle=False)
    assert np.array_equal(grey_levels(values), served["test_images"])
    assert np.array_equal(digits, served["test_labels"])


def test_smoothing_gives_the_real_libsvm_files() -> None:
    served = np.load(real_path("usps_torchvision_uint8.npz"), allow_pickle=False)
    values, digits = read_esl(real_path("zip.test.gz"))
    assert np.array_equal(grey_levels(smoothed(values)), served["test_images"])
    assert np.array_equal(digits, served["test_labels"])
    values, digits = read_esl(real_path("zip.train.gz"))
    apart = np.abs(grey_levels(smoothed(values)).astype(int) - served["train_images"])
    assert np.count_nonzero(apart) <= 10
    assert apart.max() <= 1
    assert np.array_equal(digits, served["train_labels"])
