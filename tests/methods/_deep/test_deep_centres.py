import numpy as np
import pytest
import torch
from bench.methods._deep import centres
from bench.methods._deep.centres import fit_kmeans, spherical_centres

from bench.errors import InvalidInputError


def rays(n, angles, seed=0):
    rng = np.random.default_rng(seed)
    angle = rng.choice(angles, size=n) + 0.05 * rng.normal(size=n)
    return np.c_[np.cos(angle), np.sin(angle)].astype(np.float32)


def test_centres_have_unit_length_and_the_directions_of_the_clusters():
    found = spherical_centres(rays(300, [0.0, 1.5, 3.0]), 3, seed=0)
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.sort(np.arctan2(found[:, 1], found[:, 0])), [0, 1.5, 3], atol=0.05)


def test_many_points_are_subsampled_the_same_way_for_a_seed(monkeypatch):
    monkeypatch.setattr(centres, "POINTS_PER_CENTRE", 20)
    seen = []
    monkeypatch.setattr(
        centres,
        "fit_kmeans",
        lambda points, *args, **kwargs: seen.append(points) or fit_kmeans(points, *args, **kwargs),
    )
    points = rays(100, [0.0, 2.0])
    for seed in (0, 0, 1):
        spherical_centres(points, 2, seed=seed)
    assert [len(sample) for sample in seen] == [40, 40, 40]
    assert np.array_equal(seen[0], seen[1])
    assert not np.array_equal(seen[0], seen[2])


def test_a_collapsed_embedding_gives_one_cluster_without_a_warning():
    model = fit_kmeans(np.ones((10, 2), dtype=np.float32), 3, n_init=2, seed=0)
    assert set(model.labels_) == {0}


def test_a_diverged_embedding_is_named():
    with pytest.raises(InvalidInputError, match="training diverged; lower learning_rate"):
        fit_kmeans(np.array([[np.nan], [1.0]], dtype=np.float32), 1, n_init=1, seed=0)


def test_thread_counts_are_left_as_they_were():
    before = torch.get_num_threads()
    fit_kmeans(rays(50, [0.0, 2.0]), 2, n_init=1, seed=0)
    assert torch.get_num_threads() == before
