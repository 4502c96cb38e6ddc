import numpy as np
import pytest
from bench.datasets.mnist_optdigits import MnistOptdigits
from bench.datasets.reverse_digits import ReverseDigits
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.scfc import ScFC
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from bench.data.store import Store
from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metrics.fairness import mnce
from bench.metrics.quality import nmi


def blobs(sizes=(60, 120), d=3, seed=0):
    """Three far blobs with samples of both groups in each."""
    rng = np.random.default_rng(seed)
    y = rng.integers(3, size=sum(sizes))
    X = 10 * np.eye(3, d)[y] + rng.normal(size=(len(y), d))
    return X.astype(np.float32), y, rng.permutation(np.repeat([0, 1], sizes))


def fit(X, groups, k=3, **parameters):
    return ScFC(k, **{"random_state": 0, **parameters}).fit(X, sensitive_features=groups)


def holds(labels, groups, p, q):
    counts = np.bincount(2 * labels + groups, minlength=2 * (labels.max() + 1)).reshape(-1, 2)
    return bool((q * counts.min(axis=1) >= p * counts.max(axis=1)).all())


@pytest.fixture(scope="module")
def digits():
    return ReverseDigits().load(Store(()))


@settings(max_examples=60)
@given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.integers(1, 6),
    st.sampled_from(["normal", "duplicates", "equal"]),
    st.integers(0, 1000),
)
def test_every_cluster_is_as_balanced_as_promised(sizes, k, kind, seed):
    n = sum(sizes)
    rng = np.random.default_rng(seed)
    X = {"normal": rng.normal(size=(n, 3)), "duplicates": rng.integers(0, 2, (n, 3)), "equal": np.ones((n, 3))}[kind]
    groups = rng.permutation(np.repeat([0, 1], sizes))
    k = min(k, n)
    method = fit(X, groups, k, random_state=seed, n_init=1)
    p, q = method.fairlets_.ratio
    assert q <= 10 or p == 1
    assert holds(method.labels_, groups, p, q)
    assert method.labels_.max() < k
    exactly = fit(X, groups, k, p=min(sizes), q=max(sizes), objective="kmeans", random_state=seed, n_init=1)
    assert holds(exactly.labels_, groups, min(sizes), max(sizes))


def test_points_follow_their_fairlet():
    X, _, groups = blobs()
    method = fit(X, groups)
    assert np.array_equal(method.labels_, method.labels_[method.fairlets_.medoids][method.fairlets_.ids])


def test_finds_classes_that_are_balanced():
    X, y, groups = blobs((300, 300))
    for objective in ("kmedian", "kmeans"):
        assert nmi(y, fit(X, groups, p=1, q=2, objective=objective).labels_) > 0.6
    # The optimum does better than the tree.
    exact = fit(X, groups, p=1, q=1, decomposition="exact")
    tree = fit(X, groups, p=1, q=1)
    assert exact.fairlets_.cost < tree.fairlets_.cost
    assert nmi(y, exact.labels_) > nmi(y, tree.labels_)


@pytest.mark.parametrize("n_groups", [1, 3])
def test_other_than_two_groups_are_refused(n_groups):
    X, _, _ = blobs()
    with pytest.raises(UnsupportedInputError, match=f"the data have {n_groups}"):
        fit(X, np.arange(len(X)) % n_groups)


def test_ratio_is_the_largest_the_data_allow_unless_given():
    X, _, groups = blobs((60, 150))
    assert fit(X, groups).fairlets_.ratio == (2, 5)
    assert fit(X, groups, p=2, q=6).fairlets_.ratio == (1, 3)
    row = fit(X, groups).history_[0]
    assert (row["p"], row["q"]) == (2, 5)


def test_history_tells_the_trees_health():
    X, _, groups = blobs()
    method = fit(X, groups)
    row = method.history_[0]
    assert row["root_children"] == method.fairlets_.root_children
    assert row["tree_health"] == method.tree_health_ == row["root_children"] / len(X)
    assert row["fairlets"] == len(method.fairlets_.medoids)
    assert row["fairlet_cost"] == method.fairlets_.cost
    assert row["smallest_cluster"] == np.bincount(method.labels_).min()
    exact = fit(X, groups, decomposition="exact")
    assert exact.tree_health_ is None
    assert "tree_health" not in exact.history_[0]


def test_aligned_copies_meet_by_their_rows_and_shuffling_parts_them(digits):
    half = digits.n // 2
    plain = KMeans(10, n_init=3, random_state=0).fit(digits.X[:half]).labels_
    reference = nmi(digits.y[:half], plain)
    given_order = fit(digits.X, digits.sensitive, 10, row_order="given")
    shuffled = fit(digits.X, digits.sensitive, 10)
    assert given_order.tree_health_ > 0.5
    # The accident: each image joins its own negative, and the result is that of the originals alone.
    assert nmi(digits.y, given_order.labels_) > reference - 0.05
    assert nmi(digits.y, shuffled.labels_) < 0.3
    # It lies in the order of the data: once they are shuffled, keeping their order is no better.
    order = np.random.default_rng(0).permutation(digits.n)
    again = fit(digits.X[order], digits.sensitive[order], 10, row_order="given")
    assert nmi(digits.y[order], again.labels_) < 0.3


def test_principal_components_give_the_tree_something_to_work_on(digits):
    method = fit(digits.X, digits.sensitive, 10, n_components=4)
    assert method.embedding_.shape == (digits.n, 4)
    assert method.embedding_.dtype == np.float32
    assert method.tree_health_ < 0.05
    assert not hasattr(
        method.set_params(n_components=None).fit(digits.X, sensitive_features=digits.sensitive), "embedding_"
    )
    with pytest.raises(InvalidInputError, match="at most 64 components"):
        fit(digits.X, digits.sensitive, 10, n_components=65)


def test_fair_on_digits_of_two_sources():
    data = MnistOptdigits().load(Store(()))
    method = fit(data.X, data.sensitive, 10, n_init=1)
    assert mnce(method.labels_, data.sensitive) > 0.6


def test_ae_features_are_the_embedding_of_ae_kmeans():
    X = np.tanh(np.random.default_rng(0).normal(size=(80, 1, 8, 8))).astype(np.float32)
    groups = np.arange(80) % 2
    method = fit(X, groups, features="ae", ae_epochs=2, ae_batch_size=20, device="cpu")
    encoder = AEKMeans(3, epochs=2, batch_size=20, device="cpu", random_state=0).fit(X, sensitive_features=groups)
    assert np.array_equal(method.embedding_, encoder.embedding_)
    assert holds(method.labels_, groups, 1, 1)
    raw = fit(X, groups)
    assert not hasattr(raw, "embedding_")
    assert np.array_equal(raw.labels_, fit(X.reshape(80, -1), groups).labels_)


def test_fewer_fairlets_than_clusters():
    X, _, _ = blobs((5, 5))
    labels = fit(X, np.arange(10) % 2, 8).labels_
    assert len(np.unique(labels)) <= 5


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"p": 1}, "p=1, q=None given; give both"),
        ({"p": 1, "q": 1}, "p=1, q=2"),
        ({"features": "pca"}, "features='pca' given"),
        ({"decomposition": "flow"}, "decomposition='flow' given"),
        ({"objective": "kcenter"}, "objective='kcenter' given"),
        ({"row_order": "sorted"}, "row_order='sorted' given"),
        ({"n_components": 0}, "n_components=0 given"),
        ({"n_init": 0}, "n_init=0 given"),
        ({"max_iter": 0}, "max_iter=0 given"),
        ({"random_state": -1}, "random_state=-1 given"),
    ],
)
def test_bad_parameters_are_refused(parameters, words):
    X, _, groups = blobs()
    with pytest.raises(InvalidInputError, match=words):
        fit(X, groups, **parameters)


def test_exact_decomposition_refuses_its_ratio_before_any_training():
    X, _, groups = blobs((60, 90))
    with pytest.raises(UnsupportedInputError, match="ratio is 2:3"):
        fit(X, groups, decomposition="exact", features="ae", ae_epochs=10**9)
    assert fit(X, groups, decomposition="exact", p=1, q=2).fairlets_.ratio == (1, 2)
