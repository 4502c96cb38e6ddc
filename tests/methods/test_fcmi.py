import numpy as np
import pytest
import torch
from bench.methods._deep import centres as centres_module
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.networks import build_autoencoder
from bench.methods._deep.objective import FairObjective
from bench.methods._deep.training import Batch, ResidentData
from bench.methods.ae_kmeans import AEKMeans
from bench.methods.fcmi import FCMI
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from bench.errors import InvalidInputError, UnsupportedInputError
from bench.metrics import evaluate

HISTORY = {
    "epoch",
    "loss",
    "reconstruction",
    "clustering",
    "fairness",
    "mi_xc_given_g",
    "mi_gc",
    "h_c",
    "h_c_given_x",
}


def shifted_blobs(n=400, k=3, d=8, n_groups=2, seed=0):
    """Classes at k points, every group shifted by more than the classes are apart."""
    rng = np.random.default_rng(seed)
    y, groups = rng.integers(k, size=n), rng.integers(n_groups, size=n)
    X = rng.normal(size=(k, d))[y] + 1.5 * rng.normal(size=(n_groups, d))[groups] + 0.2 * rng.normal(size=(n, d))
    return (X / np.abs(X).max()).astype(np.float32), y, groups


def pictures(n=40, channels=1, side=8, n_groups=2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, size=(n, channels, side, side)).astype(np.float32), rng.integers(n_groups, size=n)


def quick(n_clusters=3, **parameters):
    defaults = {"epochs": 4, "warmup_epochs": 1, "batch_size": 16, "random_state": 0, "device": "cpu"}
    return FCMI(n_clusters, **{**defaults, **parameters})


@pytest.fixture(scope="module")
def fitted():
    X, groups = pictures()
    return quick().fit(X, sensitive_features=np.array(["left", "right"])[groups])


def test_mixes_groups_that_an_auto_encoder_separates():
    X, y, groups = shifted_blobs()
    # Not every seed finds the classes; rounding decides which do, so the arithmetic is fixed.
    fair = quick(epochs=20, warmup_epochs=5, batch_size=64, precision="float32").fit(X, sensitive_features=groups)
    plain = AEKMeans(3, epochs=10, batch_size=64, random_state=0, device="cpu").fit(X, sensitive_features=groups)
    ours, theirs = (evaluate(y, method.labels_, groups) for method in (fair, plain))
    assert ours["mnce"] > 0.9 > theirs["mnce"] + 0.3
    assert ours["acc"] > max(theirs["acc"], 0.9)
    assert fair.history_[-1]["mi_gc"] < 0.02
    assert fair.history_[-1]["mi_xc_given_g"] > 0.7 * np.log(3)


def test_outputs_have_their_shapes_types_and_ranges(fitted):
    assert fitted.labels_.shape == (40,)
    assert fitted.labels_.dtype == np.int64
    assert fitted.embedding_.shape == (40, 3)
    assert fitted.embedding_.dtype == fitted.soft_labels_.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fitted.embedding_, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(fitted.centres_, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(fitted.soft_labels_.sum(1), 1, rtol=1e-5)
    assert np.array_equal(fitted.labels_, (fitted.embedding_ @ fitted.centres_.T).argmax(1))
    assert fitted.precision_ in {"float32", "bfloat16"}


def test_history_has_all_terms_and_the_loss_is_their_weighted_sum(fitted):
    assert all(set(row) == HISTORY for row in fitted.history_)
    assert [row["epoch"] for row in fitted.history_] == [0, 1, 2]
    warm, *rest = fitted.history_
    assert warm["loss"] == pytest.approx(warm["reconstruction"])
    for row in rest:
        expected = row["reconstruction"] + 0.04 * row["clustering"] + 0.20 * row["fairness"]
        assert row["loss"] == pytest.approx(expected, rel=1e-5)
        assert row["mi_xc_given_g"] == pytest.approx(row["h_c"] - row["mi_gc"] - row["h_c_given_x"])


@pytest.mark.parametrize("shape", [(1, 8), (3, 8), (1, 28)])
@pytest.mark.parametrize("n_groups", [1, 3])
def test_takes_images_and_any_number_of_groups(shape, n_groups):
    X, groups = pictures(32, *shape, n_groups)
    method = quick().fit(X, sensitive_features=groups)
    assert set(method.labels_) <= {0, 1, 2}
    assert len(method.network_.decoder.branches) == n_groups
    if n_groups == 1:
        assert all(abs(row["fairness"]) < 1e-5 and abs(row["mi_gc"]) < 1e-5 for row in method.history_)


def test_takes_vectors_with_three_groups_one_of_a_single_sample():
    X, _, groups = shifted_blobs(60, n_groups=2)
    groups[7] = 2
    method = quick(epochs=3).fit(X, sensitive_features=groups)
    assert len(method.labels_) == 60
    assert all(np.isfinite(list(row.values())).all() for row in method.history_)


def test_other_image_sizes_are_not_applicable():
    X, groups = pictures(side=10)
    with pytest.raises(UnsupportedInputError, match="10x10"):
        quick().fit(X, sensitive_features=groups)


def test_same_seed_same_labels_and_another_seed_another_embedding():
    X, _, groups = shifted_blobs(80)
    first, again, other = (quick(random_state=seed).fit(X, sensitive_features=groups) for seed in (5, 5, 6))
    assert np.array_equal(first.labels_, again.labels_)
    assert np.array_equal(first.embedding_, again.embedding_)
    assert not np.array_equal(first.embedding_, other.embedding_)


@pytest.mark.parametrize("random_state", [None, 3])
def test_leaves_input_global_random_states_and_settings_alone(random_state):
    X, groups = pictures()
    copy = X.copy()
    numpy_before = np.random.get_state()[1].copy()  # noqa: NPY002
    torch_before = torch.random.get_rng_state()
    settings = [torch.get_num_threads(), torch.get_default_dtype(), torch.are_deterministic_algorithms_enabled()]
    quick(random_state=random_state).fit(X, sensitive_features=groups)
    assert np.array_equal(X, copy)
    assert np.array_equal(np.random.get_state()[1], numpy_before)  # noqa: NPY002
    assert torch.equal(torch.random.get_rng_state(), torch_before)
    assert settings == [
        torch.get_num_threads(),
        torch.get_default_dtype(),
        torch.are_deterministic_algorithms_enabled(),
    ]
    assert torch.is_grad_enabled()


def count_steps(monkeypatch):
    steps = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(torch.optim.Adam, "step", lambda self, *args: steps.append(1) or step(self, *args))
    return steps


def test_last_epoch_is_not_trained_and_partial_batches_are_dropped(monkeypatch):
    X, groups = pictures(40)
    steps = count_steps(monkeypatch)
    method = quick(epochs=4, batch_size=16).fit(X, sensitive_features=groups)
    assert len(steps) == 3 * 2
    assert len(method.history_) == 3


def test_labels_use_the_centres_from_the_start_of_the_last_pass_unless_refitted(monkeypatch):
    seen = []
    fit_centres = centres_module.spherical_centres
    monkeypatch.setattr(
        centres_module,
        "spherical_centres",
        lambda *args, **kwargs: seen.append(fit_centres(*args, **kwargs)) or seen[-1],
    )
    X, groups = pictures(40)
    steps = count_steps(monkeypatch)
    lagging = quick(epochs=3).fit(X, sensitive_features=groups)
    assert len(seen) == 2
    assert np.array_equal(lagging.centres_, seen[1])
    seen.clear(), steps.clear()
    refitted = quick(epochs=3, final_kmeans=True).fit(X, sensitive_features=groups)
    assert len(steps) == 3 * 2
    assert len(seen) == 4
    assert np.array_equal(refitted.centres_, seen[3])


def test_fewer_samples_than_a_batch_and_a_single_epoch():
    X, groups = pictures(10)
    method = quick(epochs=1, batch_size=512).fit(X, sensitive_features=groups)
    assert len(method.history_) == 1
    assert method.labels_.shape == (10,)


def test_paper_settings_take_the_printed_rate_and_the_squared_norm(monkeypatch):
    rates = []
    step = torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self, *args: rates.append(self.param_groups[0]["lr"]) or step(self, *args)
    )
    X, groups = pictures()
    errors = {}
    for settings, rate in (("official", 1e-3), ("paper", 1e-4)):
        rates.clear()
        method = quick(settings=settings, epochs=2).fit(X, sensitive_features=groups)
        assert set(rates) == {rate}
        errors[settings] = method.history_[0]["reconstruction"]
    assert errors["paper"] == pytest.approx(64 * errors["official"], rel=0.1)
    rates.clear()
    quick(settings="paper", learning_rate=0.01, epochs=2).fit(X, sensitive_features=groups)
    assert set(rates) == {0.01}


def objective_terms(warm=False, **weights):
    X, groups = pictures(12, n_groups=2)
    order = np.argsort(groups, kind="stable")
    data = ResidentData(X, groups, 2, Hardware.choose("cpu", "float32"))
    batch = Batch(torch.from_numpy(order), np.bincount(groups, minlength=2).tolist())
    network = build_autoencoder((1, 8, 8), 3, 2, unit_norm=True)
    settings = {"alpha": 0.04, "beta": 0.2, "balance_weight": 1.0, "tau": 0.1, "squared_norm": False, **weights}
    terms = FairObjective(**settings).terms(network, data, batch, torch.eye(3), warm=warm)
    return {name: value.item() for name, value in terms.items()}, network, terms


def test_weights_of_the_objective():
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        full, _, _ = objective_terms()
        torch.default_generator.manual_seed(0)
        unbalanced, _, _ = objective_terms(balance_weight=0.0, beta=0.0)
        torch.default_generator.manual_seed(0)
        warm, _, _ = objective_terms(warm=True)
    # Without H(C) what is left of L_clu is H(C|X), never negative, and larger by H(C).
    assert unbalanced["clustering"] >= 0
    assert 0 <= unbalanced["clustering"] - full["clustering"] <= np.log(3) + 1e-6
    assert unbalanced["loss"] == pytest.approx(unbalanced["reconstruction"] + 0.04 * unbalanced["clustering"])
    assert warm["loss"] == warm["reconstruction"] == full["reconstruction"]


def test_decoder_learns_from_the_reconstruction_alone():
    with torch.random.fork_rng(devices=[]):
        _, network, terms = objective_terms()
    (terms["clustering"] + terms["fairness"]).backward(retain_graph=True)
    assert all(parameter.grad is None for parameter in network.decoder.parameters())
    assert any(parameter.grad.any() for parameter in network.encoder.parameters())
    terms["reconstruction"].backward()
    assert all(parameter.grad is not None for parameter in network.decoder.parameters())


def test_reconstruct_depends_on_the_group_that_decodes(fitted):
    X, groups = pictures()
    names = np.array(["left", "right"])[groups]
    own = fitted.reconstruct(X, sensitive_features=names)
    assert own.shape == X.shape
    assert own.dtype == np.float32
    assert np.abs(own).max() <= 1
    left = fitted.reconstruct(X, sensitive_features=["left"] * 40)
    right = fitted.reconstruct(X, sensitive_features=["right"] * 40)
    assert not np.allclose(left, right)
    np.testing.assert_allclose(own[groups == 0], left[groups == 0], atol=1e-5)
    np.testing.assert_allclose(own[groups == 1], right[groups == 1], atol=1e-5)


def test_reconstruct_comes_closer_to_the_samples_with_training():
    X, _, groups = shifted_blobs(200)
    early, late = (
        quick(epochs=epochs, warmup_epochs=99, batch_size=50).fit(X, sensitive_features=groups) for epochs in (1, 15)
    )
    errors = [np.square(m.reconstruct(X, sensitive_features=groups) - X).mean() for m in (early, late)]
    assert errors[1] < 0.5 * errors[0]


def test_reconstruct_before_fit():
    X, groups = pictures()
    with pytest.raises(NotFittedError):
        FCMI().reconstruct(X, sensitive_features=groups)


def test_reconstruct_names_the_groups_and_the_shape_it_knows(fitted):
    X, _ = pictures()
    with pytest.raises(InvalidInputError, match=r"group 'up' was not fitted; .*'left', 'right'"):
        fitted.reconstruct(X, sensitive_features=["up"] * 40)
    with pytest.raises(InvalidInputError, match=r"\(1, 12, 12\); the network takes \(1, 8, 8\)"):
        fitted.reconstruct(np.zeros((2, 1, 12, 12)), sensitive_features=["left"] * 2)


def test_a_fitted_estimator_can_be_cloned_and_fitted_again(fitted):
    fresh = clone(fitted)
    assert not hasattr(fresh, "network_")
    assert fresh.get_params() == fitted.get_params()
    X, groups = pictures()
    again = fresh.fit(X, sensitive_features=np.array(["left", "right"])[groups])
    assert np.array_equal(again.labels_, fitted.labels_)


def test_embedding_dim_defaults_to_the_number_of_clusters():
    X, groups = pictures()
    assert quick(2, embedding_dim=5, epochs=1).fit(X, sensitive_features=groups).embedding_.shape == (40, 5)


def test_bfloat16_trains():
    X, groups = pictures()
    method = quick(precision="bfloat16").fit(X, sensitive_features=groups)
    assert method.precision_ == "bfloat16"
    np.testing.assert_allclose(np.linalg.norm(method.embedding_, axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "parameters",
    [
        {"settings": "mine"},
        {"epochs": 0},
        {"warmup_epochs": -1},
        {"batch_size": 0},
        {"tau": 0},
        {"learning_rate": -1},
        {"embedding_dim": 0},
        {"device": "cuda:99"},
        {"precision": "float16"},
        {"random_state": -5},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    X, groups = pictures()
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"^{name}="):
        quick(**parameters).fit(X, sensitive_features=groups)


def test_progress_is_told_while_it_trains():
    told = []
    X, groups = pictures()
    method = quick()
    method.on_epoch = lambda row, n_epochs: told.append((row["epoch"], n_epochs))
    method.fit(X, sensitive_features=groups)
    assert told == [(0, 3), (1, 3), (2, 3)]
