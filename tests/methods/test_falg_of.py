import numpy as np
import pytest
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.falg import FAlg
from bench.methods.falg_of import FAlgOf
from bench.methods.kmeans import KMeansOnInput

from bench.adapters import Method
from bench.composition import compose
from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metadata import MethodInfo

# Four samples of each group on a line; every group has one end of it.
LINE = np.array([[0.0], [0.1], [0.2], [0.45], [0.55], [0.8], [0.9], [1.0]], dtype=np.float32)
GROUPS = np.array([0, 0, 0, 0, 1, 1, 1, 1])
ENDS = np.array([0, 0, 0, 0, 1, 1, 1, 1])


def offering(labels=ENDS, **attributes):
    """A method that offers what it is told to."""

    class Offering(Method):
        info = MethodInfo(name="offering", title="Offering")

        def __init__(self, n_clusters=2):
            self.n_clusters = n_clusters

        def fit(self, X, *, sensitive_features):
            self.check_input(X, sensitive_features)
            self.labels_ = np.asarray(labels)
            vars(self).update(attributes)
            return self

    return Offering


def fitted(base, k=2, X=LINE, groups=GROUPS, **params):
    return compose(FAlgOf, base)(k, **params).fit(X, sensitive_features=groups)


def shares(labels, groups, k):
    counts = np.stack([np.bincount(groups[labels == j], minlength=groups.max() + 1) for j in range(k)])
    return counts / counts.sum(axis=1, keepdims=True)


def test_means_of_the_embedding_are_the_centres():
    method = fitted(offering(embedding_=LINE), delta=0)
    centres = np.array([LINE[:4].mean(), LINE[4:].mean()])
    cost = (LINE - centres) ** 2
    assert method.assignment_.rounded_objective == pytest.approx(cost[np.arange(8), method.labels_].sum())
    assert shares(method.labels_, GROUPS, 2) == pytest.approx(0.5)
    # Of each group the two that are nearest to the other end change sides.
    assert method.labels_.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    assert np.array_equal(method.base_labels_, ENDS)
    assert method.history_[-1]["moved"] == 0.5


def test_distances_instead_of_squares_to_medians():
    labels = [0, 0, 0, 0, 0, 1, 1, 1]
    method = fitted(offering(labels, embedding_=LINE), objective="kmedian", groups=np.zeros(8))
    # The median of the first five is 0.2, their mean 0.26.
    assert method.assignment_.objective == pytest.approx(0.2 + 0.1 + 0.25 + 0.35 + 0.1 + 0.1, rel=0.02)


def test_centres_in_the_space_of_the_samples():
    method = fitted(offering(cluster_centers_=np.array([[0.0], [1.0]])), delta=0)
    assert method.history_[-1]["vanilla_cost"] == pytest.approx(
        np.minimum(LINE.astype(float) ** 2, (1 - LINE.astype(float)) ** 2).sum(), rel=1e-5
    )
    assert shares(method.labels_, GROUPS, 2) == pytest.approx(0.5)


def test_soft_labels_make_the_likeliest_fair_assignment():
    soft = np.array(
        [[0.9, 0.1], [0.6, 0.4], [0.8, 0.2], [0.55, 0.45], [0.1, 0.9], [0.4, 0.6], [0.2, 0.8], [0.45, 0.55]]
    )
    method = fitted(offering(soft_labels_=soft.astype(np.float32)), delta=0)
    assert method.labels_.tolist() == [0, 1, 0, 1, 1, 0, 1, 0]
    assert method.assignment_.objective == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.45] * 2).sum(), rel=1e-5)


def test_a_soft_label_of_zero_costs_something_finite():
    soft = np.eye(2, dtype=np.float32)[ENDS]
    method = fitted(offering(soft_labels_=soft), delta=0)
    # Four samples have to leave their clusters, whichever they are.
    assert method.assignment_.objective == pytest.approx(4 * 38 * np.log(10), rel=1e-4)


def test_where_costs_come_from_can_be_chosen():
    soft = np.full((8, 2), 0.5)
    both = offering(embedding_=LINE, soft_labels_=soft)
    assert fitted(both, cost="soft_labels").history_[-1]["vanilla_cost"] == pytest.approx(8 * np.log(2))
    assert fitted(both, cost="centres").history_[-1]["vanilla_cost"] < 1
    assert fitted(both).history_[-1]["vanilla_cost"] < 1


def test_clusters_that_are_empty_stay_empty():
    method = fitted(offering(np.where(ENDS == 1, 2, 0), embedding_=LINE), 3, delta=0)
    assert set(method.labels_) == {0, 2}
    assert method.n_clusters_ == 3
    assert method.history_[-1]["smallest_cluster"] == 0


def test_more_clusters_than_asked_for_are_kept():
    method = fitted(offering([0, 0, 1, 1, 2, 2, 3, 3], embedding_=LINE, n_clusters_=4), groups=np.zeros(8))
    assert method.n_clusters_ == 4
    assert method.labels_.max() == 3


def test_delta_of_nearly_one_leaves_what_is_nearest():
    method = fitted(offering(embedding_=LINE), delta=0.99)
    assert np.array_equal(method.labels_, ENDS)
    assert method.history_[-1]["moved"] == 0


@pytest.mark.parametrize(
    ("cost", "offered", "reason"),
    [
        ("auto", {}, "Offering has no embedding, no centres and no soft labels"),
        ("auto", {"cluster_centers_": np.zeros((2, 5))}, "Offering has no embedding, no centres and no soft labels"),
        ("centres", {"soft_labels_": np.full((8, 2), 0.5)}, "Offering has no embedding and no centres"),
        ("soft_labels", {"embedding_": LINE}, "Offering has no soft labels"),
    ],
)
def test_nothing_to_start_from_is_one_clear_line(cost, offered, reason):
    with pytest.raises(UnsupportedInputError, match=reason):
        fitted(offering(**offered), cost=cost)


@pytest.mark.parametrize("wrong", [{"delta": 1}, {"delta": True}, {"objective": "x"}, {"cost": "x"}, {"solver": "x"}])
def test_parameters_out_of_range(wrong):
    with pytest.raises(InvalidInputError, match=next(iter(wrong))):
        fitted(offering(embedding_=LINE), **wrong)


def test_falg_itself_is_the_special_case_of_k_means():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3)).astype(np.float32)
    groups = (X[:, 0] > 0).astype(int)
    alone = FAlg(3, delta=0.1, random_state=2).fit(X, sensitive_features=groups)

    class KMeansWithCentres(KMeansOnInput):
        def fit(self, X, *, sensitive_features):
            super().fit(X, sensitive_features=sensitive_features)
            self.embedding_ = X
            return self

    composed = fitted(KMeansWithCentres, 3, X, groups, delta=0.1, random_state=2)
    assert composed.assignment_.objective == pytest.approx(alone.assignment_.objective, rel=1e-4)
    assert np.mean(composed.labels_ == alone.labels_) > 0.97


def test_on_the_embedding_of_an_auto_encoder():
    rng = np.random.default_rng(0)
    X = np.tanh(rng.normal(size=(80, 6))).astype(np.float32)
    groups = (X[:, 0] > 0).astype(int)
    budget = {"epochs": 3, "batch_size": 40}
    base = AEKMeans(3, random_state=1, device="cpu", **budget).fit(X, sensitive_features=groups)
    budget = {f"base_{name}": value for name, value in budget.items()}
    method = fitted(AEKMeans, 3, X, groups, delta=0, random_state=1, device="cpu", **budget)
    assert np.array_equal(method.base_labels_, base.labels_)
    assert np.array_equal(method.embedding_, base.embedding_)
    assert method.precision_ == base.precision_
    assert [row["epoch"] for row in method.history_] == [0, 1, 2, 3]
    share = np.bincount(groups) / 80
    counts = np.bincount(method.labels_, minlength=3)[:, None]
    assert (np.abs(shares(method.labels_, groups, 3) - share) * counts < 2).all()
