import numpy as np
import pytest
from bench.methods._assignment.quotas import fair_quotas
from bench.methods.dfdc import DFDC
from sklearn.base import clone

from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metrics import evaluate

QUICK = {
    "pretrain_epochs": 2,
    "fair_epochs": 2,
    "batch_size": 50,
    "channels": 4,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


def biased(n=200):
    """Images with the class in one quarter and the group in the others: what is seen first is the group."""
    rng = np.random.default_rng(0)
    y, groups = rng.integers(2, size=n), (np.arange(n) % 3 == 0).astype(int)
    X = np.empty((n, 1, 4, 4))
    X[:] = 0.8 * (groups - 0.5)[:, None, None, None]
    X[:, 0, :2, :2] = (y - 0.5)[:, None, None]
    return (X + 0.05 * rng.normal(size=X.shape)).astype(np.float32), y, groups


def fit(X=None, n_clusters=3, groups=None, **parameters):
    X = biased()[0] if X is None else X
    groups = np.arange(len(X)) % 2 if groups is None else groups
    return DFDC(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


def counts(labels, groups, k):
    table = np.zeros((k, len(np.unique(groups))), dtype=int)
    np.add.at(table, (labels, np.unique(groups, return_inverse=True)[1]), 1)
    return table


@pytest.mark.parametrize(("shape", "n_groups"), [((6,), 2), ((2, 8, 8), 1), ((2, 8, 8), 3), ((1, 4, 4), 30)])
def test_fair_labels_meet_the_quotas_of_the_networks_sizes(shape, n_groups):
    X = np.random.default_rng(0).normal(size=(90, *shape)).astype(np.float32)
    groups = np.random.default_rng(1).integers(n_groups, size=90)
    method = fit(X, groups=groups, fair_epochs=1)
    sizes = np.bincount(method.network_labels_, minlength=3)
    assert np.array_equal(method.quotas_, fair_quotas(sizes, np.unique(groups, return_counts=True)[1]))
    assert np.array_equal(counts(method.fair_labels_, groups, 3), method.quotas_)


def test_the_output_decides_which_labels_are_the_result():
    network, fair = (
        fit(n_clusters=2, groups=biased()[2], pretrain_epochs=10, fair_epochs=0, output=output)
        for output in ("network", "fair")
    )
    assert np.array_equal(network.labels_, network.network_labels_)
    assert np.array_equal(fair.labels_, fair.fair_labels_)
    # Nothing else depends on it.
    assert np.array_equal(network.fair_labels_, fair.fair_labels_)
    assert np.array_equal(network.soft_labels_, fair.soft_labels_)
    assert not np.array_equal(network.labels_, fair.labels_)


def test_results_belong_together():
    method = fit()
    assert method.labels_.dtype == method.fair_labels_.dtype == method.quotas_.dtype == np.int64
    assert method.soft_labels_.dtype == np.float32
    np.testing.assert_allclose(method.soft_labels_.sum(1), 1, rtol=1e-5)
    assert np.array_equal(method.network_labels_, method.soft_labels_.argmax(1))


def test_the_fair_loss_makes_the_network_fair():
    X, _, groups = biased()
    budget = {"pretrain_epochs": 10, "fair_epochs": 20, "learning_rate": 2e-3}
    without, with_it = (fit(X, 2, groups, beta=beta, **budget) for beta in (0.0, 5.0))
    # Both start alike, with clusters that are the groups.
    assert without.history_[9] == with_it.history_[9]
    assert without.history_[9]["unfair"] > 0.2
    assert without.history_[-1]["unfair"] > 0.2
    assert with_it.history_[-1]["unfair"] < 0.1
    balance = [evaluate(None, m.labels_, groups, n_clusters=2)["balance"] for m in (without, with_it)]
    assert balance[0] < 0.1 < 0.3 < balance[1]


def test_before_the_fair_epochs_groups_decide_the_fair_labels_alone():
    X, _, groups = biased()
    first, second = (fit(X, 2, groups=g, pretrain_epochs=10, fair_epochs=0) for g in (groups, np.zeros_like(groups)))
    assert np.array_equal(first.soft_labels_, second.soft_labels_)
    assert not np.array_equal(first.fair_labels_, second.fair_labels_)
    assert np.array_equal(second.fair_labels_, second.network_labels_)
    assert len(first.history_) == 10
    assert "fairness" not in first.history_[-1]


def test_history_tells_both_phases_and_ends_with_the_used_clusters():
    method = fit(pretrain_epochs=3, fair_epochs=2)
    always = {"epoch", "phase", "loss", "h_c_given_x", "h_c", "augmentation"}
    assert [row["phase"] for row in method.history_] == [0, 0, 0, 1, 1]
    assert [row["epoch"] for row in method.history_] == [0, 1, 2, 3, 4]
    assert [set(row) - always for row in method.history_] == [
        set(),
        set(),
        {"unfair", "used_clusters"},
        *[{"fairness", "unfair", "used_clusters"}] * 2,
    ]
    last = method.history_[-1]
    assert last["used_clusters"] == len(np.unique(method.network_labels_))
    assert last["unfair"] == pytest.approx(np.mean(method.fair_labels_ != method.network_labels_))


def test_the_seed_decides_everything():
    first, again, other = (fit(random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.soft_labels_, again.soft_labels_)
    assert np.array_equal(first.fair_labels_, again.fair_labels_)
    assert first.history_ == again.history_
    assert not np.array_equal(first.soft_labels_, other.soft_labels_)


def test_odd_sizes_are_no_trouble():
    X, _, _ = biased()
    assert fit(X[:4], groups=[0, 1, 2, 3]).labels_.shape == (4,)
    assert fit(X[:1], n_clusters=1, groups=[0]).labels_.tolist() == [0]
    assert fit(X, n_clusters=1).labels_.tolist() == [0] * len(X)
    assert fit(X, groups=(np.arange(len(X)) == 7).astype(int)).quotas_[:, 1].sum() == 1
    alike = fit(np.zeros((30, 1, 4, 4), dtype=np.float32))
    assert np.isfinite(alike.soft_labels_).all()
    assert alike.history_[-1]["used_clusters"] == len(np.unique(alike.labels_))
    # One sample a step, and the whole set in one.
    assert fit(X[:12], batch_size=1, fair_epochs=0).labels_.shape == (12,)
    assert fit(X, batch_size=10**6).labels_.shape == (200,)


def test_bfloat16_works_and_is_reported():
    method = fit(precision="bfloat16")
    assert method.precision_ == "bfloat16"
    assert method.soft_labels_.dtype == np.float32


@pytest.mark.parametrize(
    "parameters",
    [
        {"output": "ilp"},
        {"alpha": -1.0},
        {"beta": float("inf")},
        {"gamma": "much"},
        {"balance_weight": float("nan")},
        {"pretrain_epochs": 0},
        {"fair_epochs": -1},
        {"channels": 0},
        {"batch_size": 0},
        {"learning_rate": 0},
        {"neighbours": 0},
        {"radius_scale": 0},
        {"xi": -1},
        {"precision": "float16"},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    method = clone(DFDC(2, **{**QUICK, **parameters}))
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        method.fit(biased()[0], sensitive_features=biased()[2])


def test_divergence_is_named_and_leaves_no_labels():
    method = DFDC(3, **{**QUICK, "learning_rate": 1e36})
    with pytest.raises(InvalidInputError, match="training diverged"):
        method.fit(biased()[0], sensitive_features=biased()[2])
    assert not hasattr(method, "labels_")


def test_images_too_small_for_the_network_are_refused():
    with pytest.raises(UnsupportedInputError, match="3x3"):
        fit(np.zeros((20, 1, 3, 3), dtype=np.float32))
