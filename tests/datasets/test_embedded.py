"""The data sets that come inside packages, against the figures they are known by."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cluster import KMeans

import bench
from bench.errors import InvalidInputError
from bench.metrics import ceilings, evaluate


def test_mnist_optdigits_is_a_small_mnist_usps() -> None:
    data = bench.load_dataset("mnist_optdigits")
    assert data.X.shape == (6797, 1, 28, 28)
    assert (data.X.min(), data.X.max()) == (-1.0, 1.0)
    assert np.bincount(data.sensitive).tolist() == [5000, 1797]
    limits = ceilings(data.y, data.sensitive)
    assert round(100 * limits["balance"], 1) == 34.8
    assert round(100 * limits["mnce"], 1) == 98.9
    assert round(100 * limits["balance_ceiling"], 1) == 35.9


def test_kmeans_on_the_pixels_separates_the_sources() -> None:
    data = bench.load_dataset("mnist_optdigits")
    labels = KMeans(10, n_init=3, random_state=0).fit_predict(data.X.reshape(data.n, -1))
    scores = evaluate(data.y, labels, data.sensitive)
    assert 0.40 < scores["acc"] < 0.44
    assert 0.37 < scores["nmi"] < 0.41
    assert scores["mnce"] < 0.02


@pytest.mark.parametrize(("name", "n"), [("reverse_mnist_5k", 5000), ("reverse_digits", 1797)])
def test_the_second_half_is_the_first_inverted(name: str, n: int) -> None:
    data = bench.load_dataset(name)
    assert np.array_equal(data.X[n:], -data.X[:n])
    assert np.array_equal(data.y[n:], data.y[:n])
    assert data.sensitive.tolist() == [0] * n + [1] * n
    assert (data.X.min(), data.X.max()) == (-1.0, 1.0)
    assert ceilings(data.y, data.sensitive)["balance"] == 1.0


def test_colours_of_a_group_can_be_corrupted() -> None:
    clean = bench.load_dataset("reverse_mnist_5k").X
    data = bench.load_dataset("reverse_mnist_5k", corruption=0.4, corrupt="reverse").X
    assert np.array_equal(data[:5000], clean[:5000])
    background = clean[5000:] == 1
    assert np.array_equal(data[5000:][~background], clean[5000:][~background])
    # Four standard deviations of three million draws.
    assert (data[5000:][background] == -1).mean() == pytest.approx(0.4, abs=0.0012)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"corruption": 1.0}, "reverse_mnist_5k.corruption=1.0"), ({"corrupt": "usps"}, "mnist, reverse, both")],
)
def test_corruption_that_cannot_be_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench.load_dataset("reverse_mnist_5k", **wrong)


def test_images_lie_upright_and_dark_is_background() -> None:
    image = bench.load_dataset("reverse_mnist_5k").X[0, 0]
    assert (image[[0, -1]] == -1).all()
    assert image[4:24, 4:24].mean() > image.mean()


@pytest.mark.parametrize("sizes", [{"n": 6, "k": 3, "n_groups": 2}, {"n": 1000, "k": 7, "n_groups": 30, "d": 1}])
def test_blobs_have_the_sizes_asked_for(sizes: dict[str, int]) -> None:
    data = bench.load_dataset("blobs", **sizes)
    assert (data.n, data.k, data.n_groups) == (sizes["n"], sizes["k"], sizes["n_groups"])
    assert np.abs(data.X).max() <= 1


def test_blobs_without_shift_do_not_tell_the_groups_apart() -> None:
    data = bench.load_dataset("blobs", n=20_000, shift=0.0)
    means = [data.X[(data.sensitive == t) & (data.y == 0)].mean(axis=0) for t in (0, 1)]
    assert np.abs(means[0] - means[1]).max() < 0.02


@pytest.mark.parametrize(
    ("wrong", "message"), [({"n": 5}, "at least 6"), ({"k": 0}, "blobs.k=0"), ({"d": 1.5}, "d=1.5")]
)
def test_blobs_refuse_sizes_that_cannot_be(wrong: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        bench.load_dataset("blobs", **wrong)
