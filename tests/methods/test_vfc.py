import numpy as np
import pytest
from bench.datasets.mnist_optdigits import MnistOptdigits
from bench.methods._deep.centres import fit_kmeans
from bench.methods._deep.parameters import seeds
from bench.methods._variational_fair.prototypes import on_the_sphere
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.vfc import VFC

from bench.data.store import Store
from bench.errors import InvalidInputError
from bench.metrics import balance, evaluate
from bench.metrics.contingency import contingency

OBJECTIVES = ["kmeans", "kmedian", "ncut"]


def blobs(n=300, k=3, n_groups=2):
    """Blobs that hold mostly one group each."""
    rng = np.random.default_rng(0)
    y = np.arange(n) % k
    groups = np.where(rng.random(n) < 0.8, y % n_groups, rng.integers(n_groups, size=n))
    X = (0.4 * rng.normal(size=(k, 5))[y] + 0.2 * rng.normal(size=(n, 5))).astype(np.float32)
    return X, groups


def plain_kmeans(X, k, random_state):
    # VFC hands its points to k-means in the order of their groups; here there is one.
    return fit_kmeans(on_the_sphere(X), k, n_init=10, seed=seeds(random_state, 1)[0]).labels_


def worst_share(labels, groups):
    """Largest deviation of a group's share in a cluster from its share in the data."""
    counts = contingency(None, labels, groups)[0]
    counts = counts[counts.sum(axis=1) > 0]
    return np.abs(counts / counts.sum(axis=1, keepdims=True) - np.bincount(groups) / len(groups)).max()


def test_lambda_zero_is_plain_k_means():
    X, groups = blobs()
    order = np.argsort(groups, kind="stable")
    method = VFC(3, fairness_weight=0, random_state=4).fit(X, sensitive_features=groups)
    assert np.array_equal(method.labels_[order], plain_kmeans(X[order], 3, 4))
    assert method.fairness_weight_ == 0


def test_one_group_is_plain_k_means_at_the_first_lambda():
    X, _ = blobs()
    method = VFC(3, random_state=4).fit(X, sensitive_features=np.zeros(300))
    assert np.array_equal(method.labels_, plain_kmeans(X, 3, 4))
    assert len(method.trials_) == 1


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("n_groups", [2, 3])
def test_large_lambda_drives_proportions(objective, n_groups):
    X, groups = blobs(n=600, n_groups=n_groups)
    unfair, fair = (
        VFC(3, objective=objective, fairness_weight=weight, random_state=0).fit(X, sensitive_features=groups)
        for weight in (0, 2000)
    )
    assert worst_share(unfair.labels_, groups) > 0.2
    assert worst_share(fair.labels_, groups) < 0.06
    assert len(set(fair.labels_)) == 3
    assert fair.trials_[0].fairness_error < 0.01 * unfair.trials_[0].fairness_error


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_history_tells_falling_energies_and_every_lambda(objective):
    X, groups = blobs()
    seen = []
    method = VFC(3, objective=objective, random_state=0)
    method.on_epoch = lambda row, n: seen.append((row, n))
    method.fit(X, sensitive_features=groups)
    assert [row for row, _ in seen] == method.history_
    assert all(row["epoch"] < n for row, n in seen)
    tried = [trial.weight for trial in method.trials_]
    assert tried == pytest.approx([multiple * 100 for multiple in (0.1, 0.3, 1, 3, 10)][: len(tried)])
    for trial in method.trials_:
        rows = [row for row in method.history_ if row["fairness_weight"] == trial.weight and "lipschitz" in row]
        energies = [row["energy"] for row in rows]
        assert (np.diff(energies) <= 0).all()
        assert energies[-1] == trial.energy
        assert rows[-1]["energy"] == pytest.approx(
            rows[-1]["clustering_cost"] + trial.weight * rows[-1]["fairness_error"]
        )
    ends = [row for row in method.history_ if "balance" in row]
    assert [row["balance"] for row in ends[:-1]] == [trial.balance for trial in method.trials_]
    assert ends[-1] is method.history_[-1]
    assert ends[-1]["fairness_weight"] == method.fairness_weight_
    assert ends[-1]["used_clusters"] == len(set(method.labels_))
    assert ends[-1]["balance"] == balance(method.labels_, groups)


def test_rule_stops_at_the_first_lambda_that_reaches_the_target():
    X, groups = blobs(n=600)
    method = VFC(3, balance_target=0.5, random_state=0).fit(X, sensitive_features=groups)
    target = 0.5 * min(np.bincount(groups)) / max(np.bincount(groups))
    assert [trial.balance >= target for trial in method.trials_] == [False] * (len(method.trials_) - 1) + [True]
    assert 1 < len(method.trials_) < 5
    assert method.fairness_weight_ == method.trials_[-1].weight


def test_lambda_grows_with_the_number_of_points_a_cluster():
    X, groups = blobs()
    once = VFC(3, grid=(1,), random_state=0).fit(X, sensitive_features=groups)
    thrice = VFC(3, grid=(1,), random_state=0).fit(np.tile(X, (3, 1)), sensitive_features=np.tile(groups, 3))
    assert thrice.fairness_weight_ == pytest.approx(3 * once.fairness_weight_) == pytest.approx(300)
    assert thrice.trials_[0].balance == pytest.approx(once.trials_[0].balance, abs=0.05)
    assert thrice.trials_[0].fairness_error == pytest.approx(once.trials_[0].fairness_error, rel=0.1)


def test_soft_labels_are_memberships_of_the_labels():
    X, groups = blobs()
    method = VFC(3, random_state=0).fit(X, sensitive_features=groups)
    assert method.soft_labels_.sum(axis=1) == pytest.approx(np.ones(300))
    assert np.array_equal(method.soft_labels_.argmax(axis=1), method.labels_)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_small_and_odd_data(objective):
    X, _ = blobs(n=30)
    lone = np.array([1] + [0] * 29)
    for k, samples, groups in [(1, X, lone), (3, X, lone), (5, X[:6], lone[:6]), (6, X[:6], np.arange(6) % 2)]:
        method = VFC(k, objective=objective, random_state=0).fit(samples, sensitive_features=groups)
        assert method.labels_.shape == (len(samples),)
        assert np.isfinite([value for row in method.history_ for value in row.values()]).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_equal_points_end_in_one_line_or_labels(objective):
    method = VFC(3, objective=objective, random_state=0)
    labels = method.fit(np.ones((12, 2)), sensitive_features=np.arange(12) % 2).labels_
    assert method.history_[-1]["used_clusters"] == len(set(labels))


def test_thirty_groups():
    rng = np.random.default_rng(0)
    groups = rng.integers(30, size=1500)
    X = rng.normal(size=(1500, 4)) + 0.1 * groups[:, None]
    unfair = VFC(4, fairness_weight=0, random_state=0).fit(X, sensitive_features=groups)
    fair = VFC(4, random_state=0).fit(X, sensitive_features=groups)
    assert fair.trials_[-1].fairness_error < 0.05 < unfair.trials_[0].fairness_error
    assert balance(fair.labels_, groups) > balance(unfair.labels_, groups)


def test_raw_images_are_rows_of_pixels():
    images = np.random.default_rng(0).normal(size=(60, 1, 4, 4)).astype(np.float32)
    groups = np.arange(60) % 2
    labels = VFC(3, random_state=0).fit(images, sensitive_features=groups).labels_
    flat = VFC(3, random_state=0).fit(images.reshape(60, 16), sensitive_features=groups).labels_
    assert np.array_equal(labels, flat)


def test_ae_track_clusters_the_embedding_of_the_ae_row():
    images = np.clip(np.random.default_rng(0).normal(size=(120, 1, 8, 8)), -1, 1).astype(np.float32)
    groups = np.arange(120) % 2
    method = VFC(3, features="ae", ae_epochs=2, ae_batch_size=40, device="cpu", random_state=3)
    method.fit(images, sensitive_features=groups)
    row = AEKMeans(3, epochs=2, batch_size=40, device="cpu", random_state=3).fit(images, sensitive_features=groups)
    assert np.array_equal(method.embedding_, row.embedding_)
    assert [entry["loss"] for entry in method.history_[:2]] == [entry["loss"] for entry in row.history_]
    # Labels are those of the embedding as samples.
    direct = VFC(3, random_state=3).fit(method.embedding_, sensitive_features=groups)
    assert np.array_equal(method.labels_, direct.labels_)
    assert not hasattr(method.set_params(features="raw").fit(images, sensitive_features=groups), "embedding_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"objective": "kcenter"}, "objective='kcenter' given; it takes 'kmeans' or 'kmedian' or 'ncut'"),
        ({"features": "pca"}, "features='pca' given"),
        ({"fairness_weight": -1}, "fairness_weight=-1 given; it takes a finite number of at least 0"),
        ({"fairness_weight": float("nan")}, "fairness_weight=nan given"),
        ({"fairness_weight": True}, "fairness_weight=True given"),
        ({"grid": ()}, r"grid=\(\) given"),
        ({"grid": (1, -1)}, r"grid\[1\]=-1 given"),
        ({"grid": 3}, "grid=3 given"),
        ({"balance_target": 1.5}, r"balance_target=1.5 given; it takes a share in \(0, 1\]"),
        ({"lipschitz": 0}, "lipschitz=0 given"),
        ({"n_init": 0}, "n_init=0 given"),
        ({"inner_steps": 0}, "inner_steps=0 given"),
        ({"n_neighbors": 0}, "n_neighbors=0 given"),
        ({"random_state": -1}, "random_state=-1 given"),
    ],
)
def test_bad_parameters_are_refused_before_any_work(parameters, message):
    X, groups = blobs(n=30)
    with pytest.raises(InvalidInputError, match=message):
        VFC(3, **parameters).fit(X, sensitive_features=groups)


def test_groups_of_a_real_data_set_are_mixed():
    data = MnistOptdigits().load(Store(()))
    method = VFC(data.k, grid=(3,), n_init=1, random_state=0).fit(data.X, sensitive_features=data.sensitive)
    # The official default leaves it as unfair as k-means.
    default = VFC(data.k, fairness_weight=50, n_init=1, random_state=0).fit(data.X, sensitive_features=data.sensitive)
    ours = evaluate(data.y, method.labels_, data.sensitive)
    assert ours["mnce"] > 0.9
    assert ours["balance"] > 0.8 * min(np.bincount(data.sensitive)) / max(np.bincount(data.sensitive))
    assert ours["empty_clusters"] == 0
    assert balance(default.labels_, data.sensitive) < 0.1
