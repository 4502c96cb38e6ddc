import warnings

import numpy as np
import pytest
import torch
from bench.methods._deep import centres
from bench.methods._deep import kmeans as module
from bench.methods._deep.centres import fit_kmeans, spherical_centres
from bench.methods._deep.kmeans import kmeans, resident_centres, seed_centres, unit_centres
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from torch.utils._python_dispatch import TorchDispatchMode

from bench.errors import InvalidInputError


def blobs(n, d, k, seed=0, spread=0.3):
    rng = np.random.default_rng(seed)
    return (3 * rng.normal(size=(k, d))[rng.integers(k, size=n)] + spread * rng.normal(size=(n, d)) + 5).astype("f4")


def unit(n, k, seed=0):
    points = blobs(n, 4, k, seed) - 5
    return torch.from_numpy(points / np.linalg.norm(points, axis=1, keepdims=True))


def scikit(points, start):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return KMeans(len(start), init=start, n_init=1, max_iter=300).fit(points)


@settings(max_examples=60)
@example(n=400, d=2, k=8, spread=3.0, seed=1)
@given(
    n=st.integers(20, 400),
    d=st.integers(1, 8),
    k=st.integers(1, 8),
    spread=st.sampled_from([0.1, 1.0, 3.0]),
    seed=st.integers(0, 99),
)
def test_inertia_and_labels_are_scikit_learns_from_the_same_initial_centres(n, d, k, spread, seed):
    points = blobs(n, d, k, seed, spread)
    start = points[np.random.default_rng(seed).choice(n, k, replace=False)]
    expected = scikit(points, start)
    found = kmeans(torch.from_numpy(points), k, n_init=1, seed=0, start=torch.from_numpy(start))
    assert found.inertia.item() == pytest.approx(expected.inertia_, rel=1e-4)
    assert np.mean(found.labels.numpy() == expected.labels_) > 0.98
    assert found.centres.dtype == torch.float32


def test_restarts_together_are_each_restart_alone():
    points = torch.from_numpy(blobs(200, 3, 6, spread=2.0))
    starts = seed_centres(points, 5, n_init=4, seed=0)
    assert starts.shape == (4, 5, 3)
    alone = [kmeans(points, 5, n_init=1, seed=0, start=start) for start in starts]
    best = min(alone, key=lambda found: found.inertia.item())
    together = kmeans(points, 5, n_init=1, seed=9, start=starts)
    torch.testing.assert_close(together.centres, best.centres)
    assert torch.equal(together.labels, best.labels)
    assert together.inertia.item() == pytest.approx(best.inertia.item())
    assert len({round(found.inertia.item()) for found in alone}) > 1


def test_from_its_own_seeds_it_is_as_good_as_scikit_learn():
    points = blobs(600, 5, 10)
    found = kmeans(torch.from_numpy(points), 10, n_init=10, seed=0)
    expected = KMeans(10, n_init=10, random_state=0).fit(points)
    assert found.inertia.item() == pytest.approx(expected.inertia_, rel=1e-4)


def test_result_is_consistent_and_decided_by_the_seed():
    points = torch.from_numpy(blobs(300, 3, 7, spread=3.0))
    first, again, other = (kmeans(points, 6, n_init=1, seed=seed) for seed in (4, 4, 5))
    assert torch.equal(first.centres, again.centres)
    assert not torch.equal(first.centres, other.centres)
    distances = torch.cdist(points, first.centres)
    assert torch.equal(first.labels, distances.argmin(1))
    assert first.inertia.item() == pytest.approx(distances.min(1).values.square().sum().item(), rel=1e-4)


def test_seeds_are_distinct_points_spread_over_the_clusters():
    corners = torch.tensor([[0.0, 0], [0, 100], [100, 0], [100, 100]])
    points = corners.repeat(25, 1) + torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    for seeds in seed_centres(points, 4, n_init=8, seed=3):
        assert {tuple(seed) for seed in seeds.tolist()} <= {tuple(point) for point in points.tolist()}
        # Drawn by squared distance, two seeds of one corner have a chance of about 1 in 1000.
        assert sorted(torch.cdist(seeds, corners).argmin(1).tolist()) == [0, 1, 2, 3]


def test_empty_clusters_move_to_the_farthest_points():
    points = torch.tensor([[0.0], [1], [2], [3], [50], [100]])
    # The last two centres win no point; 100 and 50 are farthest from theirs.
    start = torch.tensor([[1.0], [1000], [2000]])
    found = kmeans(points, 3, n_init=1, seed=0, start=start)
    assert sorted(found.centres.flatten().tolist()) == pytest.approx([1.5, 50, 100])
    assert found.inertia.item() == pytest.approx(5.0)
    assert scikit(points.numpy(), start.numpy()).inertia_ == pytest.approx(5.0)


def test_a_collapsed_embedding_gives_one_cluster():
    found = kmeans(torch.ones(10, 2), 3, n_init=2, seed=0)
    assert found.labels.tolist() == [0] * 10
    assert found.inertia.item() == 0
    assert torch.equal(found.centres, torch.ones(3, 2))


def test_as_many_clusters_as_points():
    assert kmeans(torch.arange(5.0)[:, None], 5, n_init=3, seed=0).inertia.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_diverged_embedding_is_named(value):
    with pytest.raises(InvalidInputError, match="training diverged; lower learning_rate"):
        kmeans(torch.tensor([[value], [1.0]]), 1, n_init=1, seed=0)


def test_convergence_is_looked_at_every_few_iterations_and_ends_the_loop(monkeypatch):
    steps = []
    means = module._means
    monkeypatch.setattr(module, "_means", lambda *args: steps.append(1) or means(*args))
    kmeans(torch.from_numpy(blobs(100, 2, 3)), 3, n_init=2, seed=0)
    assert len(steps) in range(module.CHECK_EVERY, 40, module.CHECK_EVERY)


class NoReading(TorchDispatchMode):
    """Fails where the host reads a value, for which it would wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func.overloadpacket not in {torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero}
        return func(*args, **(kwargs or {}))


def test_the_host_reads_nothing_back_in_seeding_or_an_iteration():
    points = torch.from_numpy(blobs(50, 2, 3))
    with NoReading():
        module._means(points, seed_centres(points, 4, n_init=2, seed=0))


def test_a_restart_that_has_converged_rests_while_others_go_on():
    points = torch.from_numpy(blobs(300, 2, 5, spread=3.0))
    starts = seed_centres(points, 6, n_init=5, seed=0)
    runs = [scikit(points.numpy(), start.numpy()) for start in starts]
    assert len({run.n_iter_ for run in runs}) > 1
    for found, run in zip(module._lloyd(points, starts), runs, strict=True):
        np.testing.assert_allclose(found, run.cluster_centers_, atol=1e-3)


def test_on_the_cpu_centres_are_bitwise_scikit_learns():
    embedding = unit(300, 3)
    assert np.array_equal(unit_centres(embedding, 3, seed=2), spherical_centres(embedding.numpy(), 3, seed=2))


def by_angle(rows):
    return np.array(sorted(np.asarray(rows).tolist()))


def test_resident_centres_are_those_of_scikit_learn(monkeypatch):
    monkeypatch.setattr(centres, "POINTS_PER_CENTRE", 50)
    embedding = unit(400, 4)
    found = resident_centres(embedding, 4, seed=1)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-6)
    # The same 200 points for the same seed.
    np.testing.assert_allclose(by_angle(found), by_angle(spherical_centres(embedding.numpy(), 4, seed=1)), atol=1e-4)


@pytest.mark.parametrize("refit", [unit_centres, resident_centres])
def test_a_warm_start_continues_from_the_given_centres(refit):
    embedding = unit(300, 3)
    fitted = refit(embedding, 3, seed=0)
    order = [2, 0, 1]
    # Restarts would number the clusters anew.
    torch.testing.assert_close(refit(embedding, 3, seed=7, start=fitted[order]), fitted[order], atol=1e-3, rtol=0)


def test_a_warm_start_on_the_cpu_makes_one_run():
    points = blobs(100, 2, 3)
    model = fit_kmeans(points, 3, n_init=10, seed=0, start=points[:3])
    assert model.n_init == 1
    np.testing.assert_allclose(model.cluster_centers_, scikit(points, points[:3]).cluster_centers_)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_centres_are_those_of_the_cpu():
    embedding = unit(500, 4)
    found = unit_centres(embedding.cuda(), 4, seed=0)
    assert found.is_cuda
    np.testing.assert_allclose(by_angle(found.cpu()), by_angle(unit_centres(embedding, 4, seed=0)), atol=1e-3)
