"""Color Reverse MNIST and its corrupted forms."""

from __future__ import annotations

import gzip
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench.datasets._images import flip_background
from bench.datasets.reverse_mnist import ReverseMnist
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.adapters import FairData
from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metrics import ceilings

N = 50


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Fifty images: a stroke with a grey rim on background."""
    files = tuple(replace(file, checksum="") for file in ReverseMnist.info.files)
    monkeypatch.setattr(ReverseMnist, "info", replace(ReverseMnist.info, files=files))
    pixels = np.zeros((N, 28, 28), dtype=np.uint8)
    pixels[:, 5:23, 10:18] = 90
    pixels[:, 6:22, 11:17] = 255
    labels = np.arange(N, dtype=np.uint8) % 10
    for file, array in zip(files, (pixels, labels), strict=True):
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        header = bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape)
        path.write_bytes(gzip.compress(header + array.tobytes()))
    return Store((tmp_path,))


def test_the_second_half_is_the_first_inverted(small: Store) -> None:
    data = ReverseMnist().load(small)
    assert data.X.shape == (2 * N, 1, 28, 28)
    assert data.X.dtype == np.float32
    assert np.array_equal(data.X[N:], -data.X[:N])
    assert np.array_equal(data.y[N:], data.y[:N])
    assert data.sensitive.tolist() == [0] * N + [1] * N
    assert (data.X[:N, 0, 0] == -1).all()
    assert (data.X[N:, 0, 0] == 1).all()


def test_padding_takes_the_background_of_its_group(small: Store) -> None:
    data = ReverseMnist(size=32).load(small)
    assert data.X.shape == (2 * N, 1, 32, 32)
    assert (data.X[:N, 0, :2] == -1).all()
    assert (data.X[N:, 0, :, -2:] == 1).all()
    assert np.array_equal(data.X[:, :, 2:-2, 2:-2], ReverseMnist().load(small).X)


@pytest.mark.parametrize(("corrupt", "touched"), [("mnist", {0}), ("reverse", {1}), ("both", {0, 1})])
def test_corruption_flips_background_of_the_named_group_alone(small: Store, corrupt: str, touched: set[int]) -> None:
    clean = ReverseMnist().load(small)
    data = ReverseMnist(corruption=0.4, corrupt=corrupt).load(small)
    for group, background in ((0, -1), (1, 1)):
        before, after = clean.X[clean.sensitive == group], data.X[clean.sensitive == group]
        is_background = before == background
        assert np.array_equal(after[~is_background], before[~is_background])
        share = (after[is_background] == -background).mean()
        # Four standard deviations of 32,000 draws.
        assert share == pytest.approx(0.4 if group in touched else 0, abs=0.011 if group in touched else 0)


def test_padding_is_corrupted_too(small: Store) -> None:
    data = ReverseMnist(corruption=0.4, size=32).load(small)
    assert (data.X[:N, 0, :2] == 1).mean() == pytest.approx(0.4, abs=0.04)


def test_corruption_is_drawn_once_from_its_seed(small: Store) -> None:
    def load(**params: object) -> FairData:
        return ReverseMnist(corruption=0.1, **params).load(small)

    assert load().content_hash() == load().content_hash()
    assert load().content_hash() != load(seed=1).content_hash()
    both, mnist, reverse = load().X, load(corrupt="mnist").X, load(corrupt="reverse").X
    assert np.array_equal(both[:N], mnist[:N])
    assert np.array_equal(both[N:], reverse[N:])
    # The groups are not flipped in the same places, which would keep one the inverse of the other.
    assert not np.array_equal(both[N:], -both[:N])


@given(
    share=st.floats(0, 1, exclude_max=True),
    background=st.sampled_from([-1.0, 1.0]),
    seed=st.integers(0, 100),
)
@settings(max_examples=30)
def test_flipping_touches_background_only(share: float, background: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = rng.choice(np.array([-1, -0.5, 0.25, 1], dtype=np.float32), size=(5, 1, 6, 6))
    after = before.copy()
    flip_background(after, background, share, rng)
    changed = after != before
    assert (before[changed] == background).all()
    assert (after[changed] == -background).all()
    if share == 0:
        assert not changed.any()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"corruption": 1.0}, "corruption=1.0 given"),
        ({"corruption": -0.1}, "at least 0 and below 1"),
        ({"corruption": float("nan")}, "at least 0 and below 1"),
        ({"corruption": "much"}, "takes a number"),
        ({"corrupt": "usps"}, "mnist, reverse, both"),
        ({"corrupt": ["mnist"]}, "mnist, reverse, both"),
        ({"size": 64}, "size=64 given; it takes 28, or 32"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 0.5}, "seed=0.5"),
    ],
)
def test_other_parameters_are_refused(small: Store, params: dict, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        ReverseMnist(**params).load(small)


def test_real_sizes_and_ceilings() -> None:
    missing = Store.default().missing(ReverseMnist().files())
    if missing:
        pytest.skip(f"no folder in BENCH_DATA holds {missing[0].path}")
    data = ReverseMnist().load(Store.default())
    assert data.X.shape == (120000, 1, 28, 28)
    assert np.bincount(data.sensitive).tolist() == [60000, 60000]
    assert np.bincount(data.y).tolist() == [11846, 13484, 11916, 12262, 11684, 10842, 11836, 12530, 11702, 11898]
    assert np.array_equal(data.X[60000::1000], -data.X[:60000:1000])
    limits = ceilings(data.y, data.sensitive)
    assert (limits["balance"], limits["mnce"], limits["balance_ceiling"]) == (1.0, pytest.approx(1.0), 1.0)
