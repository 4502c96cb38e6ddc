import numpy as np
import pytest
from bench.methods._assignment.kmedian import kmedian_centres


def total(samples, centres):
    return np.linalg.norm(samples[:, None] - centres, axis=2).min(axis=1).sum()


def test_one_outlier_does_not_move_the_centre():
    samples = np.array([[0.0], [1.0], [2.0], [3.0], [100.0]], dtype=np.float32)
    centre = kmedian_centres(samples, samples.mean(axis=0, keepdims=True), max_iter=1000, tol=1e-9)
    assert centre == pytest.approx(np.array([[2.0]]), abs=0.01)


def test_corners_of_a_square_meet_in_the_middle_and_their_mean_stays():
    samples = np.array([[0, 0], [0, 2], [2, 0], [2, 2]], dtype=np.float32)
    assert kmedian_centres(samples, np.ones((1, 2))) == pytest.approx(np.ones((1, 2)))
    assert kmedian_centres(samples, np.array([[0.3, 0.4]]), tol=1e-12) == pytest.approx(np.ones((1, 2)), abs=1e-3)


def test_more_rounds_never_raise_the_sum():
    rng = np.random.default_rng(0)
    samples = (rng.normal(size=(300, 3)) * rng.exponential(size=(300, 1))).astype(np.float32)
    start = samples[:4].astype(np.float64)
    sums = [total(samples, kmedian_centres(samples, start, max_iter=m, tol=0.0)) for m in range(8)]
    assert sums == sorted(sums, reverse=True)
    assert sums[-1] < sums[0]
    assert np.array_equal(start, samples[:4])


def test_centres_on_samples_and_without_samples_stay_finite():
    samples = np.array([[0, 0], [0, 0], [5, 5]], dtype=np.float32)
    start = np.array([[0, 0], [5, 5], [90, 90]], dtype=np.float64)
    assert np.array_equal(kmedian_centres(samples, start), start)
