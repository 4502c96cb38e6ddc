import numpy as np
import pytest
import torch
from bench.methods._deep.hardware import Hardware, seeded_weights
from bench.methods._deep.label_features import build_label_network, label_features
from bench.methods._deep.pairs import pair_loss, select_pairs, similarity
from bench.methods._deep.training import ResidentData
from bench.methods.dac import DAC, _pair_terms

from bench.errors import InvalidInputError, UnsupportedInputError

QUICK = {
    "eta": 0.15,
    "batch_size": 50,
    "device": "cpu",
    "precision": "float32",
    "random_state": 0,
}


def blobs(n=200, d=8, k=3):
    rng = np.random.default_rng(0)
    y = rng.integers(k, size=n)
    X = 0.4 * rng.normal(size=(k, d))[y] + 0.05 * rng.normal(size=(n, d))
    return np.clip(X, -1, 1).astype(np.float32), y


def fit(X=None, n_clusters=3, groups=None, **parameters):
    X = blobs()[0] if X is None else X
    groups = np.arange(len(X)) % 2 if groups is None else groups
    return DAC(n_clusters, **{**QUICK, **parameters}).fit(X, sensitive_features=groups)


def small_images(n=60, channels=1, side=8):
    return np.clip(np.random.default_rng(0).normal(size=(n, channels, side, side)), -1, 1).astype(np.float32)


def pair_step(copy, *, seed=0):
    """Terms of one batch, the network, and the samples."""
    X, _ = blobs(n=20)
    with seeded_weights(seed):
        network = build_label_network((8,), 3, "original")
    data = ResidentData(X, np.zeros(20, dtype=np.int64), 1, Hardware.choose("cpu", "float32"))
    (batch,) = data.batches(20, np.random.default_rng(0))
    terms = _pair_terms(network, data, copy, (0.9, 0.5), batch)
    return terms, network, data.samples[batch.index]


@pytest.mark.parametrize("backbone", ["original", "matched"])
@pytest.mark.parametrize("kind", ["vectors", "images"])
def test_both_networks_take_images_and_vectors(backbone, kind):
    X = blobs()[0] if kind == "vectors" else small_images(channels=3)
    method = fit(X, backbone=backbone, eta=0.3)
    assert method.labels_.shape == (len(X),)
    assert method.soft_labels_.shape == method.embedding_.shape == (len(X), 3)
    np.testing.assert_allclose(method.soft_labels_.sum(1), 1, rtol=1e-5)


def test_results_belong_together():
    method = fit()
    assert method.embedding_.dtype == method.soft_labels_.dtype == np.float32
    length = np.linalg.norm(method.soft_labels_, axis=1, keepdims=True)
    np.testing.assert_allclose(method.embedding_, method.soft_labels_ / length, rtol=1e-5)
    assert np.array_equal(method.labels_, method.soft_labels_.argmax(1))
    assert method.labels_.dtype == np.int64


@pytest.mark.parametrize("augment", [True, False])
def test_well_separated_classes_are_neither_mixed_nor_split_by_much(augment):
    X, y = blobs(n=400, k=8)
    method = fit(X, n_clusters=8, eta=0.045, augment=augment)
    table = np.zeros((8, 8))
    np.add.at(table, (method.labels_, y), 1)
    assert table.max(0).sum() > 0.8 * len(y)
    assert table.max(1).sum() > 0.8 * len(y)


def test_pairs_get_selected_until_none_is_left():
    first, *_, last = fit(eta=0.045).history_
    assert first["same"] + first["different"] < 0.8
    assert last["same"] + last["different"] > 0.95


def test_pairs_are_labelled_by_the_clean_samples_and_learnt_on_the_copies():
    terms, network, samples = pair_step(lambda batch: -batch)
    with torch.no_grad():
        clean, copies = (similarity(label_features(network(batch))) for batch in (samples, -samples))
    pairs = select_pairs(clean, 0.9, 0.5)
    assert terms["loss"].item() == pytest.approx(pair_loss(copies, pairs).item(), rel=1e-5)
    assert terms["loss"].item() != pytest.approx(pair_loss(clean, pairs).item(), rel=1e-2)
    assert terms["same"].item() == pytest.approx((clean > 0.9).float().mean().item())
    assert terms["different"].item() == pytest.approx((clean < 0.5).float().mean().item())


def test_the_copy_is_made_of_the_batch_and_leaves_it_clean():
    seen = []

    def spoil(batch):
        seen.append(batch.clone())
        return batch + 1

    _, _, samples = pair_step(spoil)
    assert len(seen) == 1
    assert torch.equal(seen[0], samples)


def test_only_the_copies_pass_a_gradient():
    terms, network, samples = pair_step(lambda batch: 0.5 * batch)
    terms["loss"].backward()
    weight = network.trunk[0].weight
    learnt = weight.grad.clone()
    with torch.no_grad():
        pairs = select_pairs(similarity(label_features(network(samples))), 0.9, 0.5)
    weight.grad = None
    pair_loss(similarity(label_features(network(0.5 * samples))), pairs).backward()
    assert weight.grad.abs().max() > 0
    torch.testing.assert_close(learnt, weight.grad)


def test_without_copies_the_samples_themselves_are_learnt():
    terms, network, samples = pair_step(None)
    with torch.no_grad():
        clean = similarity(label_features(network(samples)))
    assert terms["loss"].item() == pytest.approx(pair_loss(clean, select_pairs(clean, 0.9, 0.5)).item(), rel=1e-5)
    assert terms["loss"].requires_grad


def test_history_tells_the_thresholds_and_in_the_end_the_used_clusters():
    method = fit(eta=0.09)
    history = method.history_
    assert [row["epoch"] for row in history] == list(range(5))
    names = {"epoch", "loss", "same", "different", "upper", "lower"}
    assert all(set(row) == names for row in history[:-1])
    assert set(history[-1]) == names | {"used_clusters"}
    assert history[-1]["used_clusters"] == len(np.unique(method.labels_))
    np.testing.assert_allclose([row["upper"] for row in history], 0.95 - 0.099 * np.arange(5))
    np.testing.assert_allclose([row["lower"] for row in history], 0.455 + 0.0099 * np.arange(5))
    assert all(row["loss"] >= 0 and 0 <= row["same"] + row["different"] <= 1 for row in history)


def test_thresholds_are_parameters():
    history = fit(upper=0.99, lower=0.8, eta=0.05).history_
    assert (history[0]["upper"], history[0]["lower"]) == (0.99, 0.8)
    # 0.19 / 1.1 / 0.055 is 3.1.
    assert len(history) == 4


def test_a_listener_is_told_how_many_rows_there_will_be():
    method = DAC(3, **QUICK)
    told = []
    method.on_epoch = lambda row, rows: told.append(rows)
    method.fit(blobs()[0], sensitive_features=np.zeros(200))
    assert told == [3, 3, 3]


def test_labels_cover_samples_that_no_batch_held():
    # 60 samples, batches of 50: ten are left out of every pass.
    X = blobs(n=60)[0]
    method = fit(X)
    assert method.labels_.shape == (60,)
    assert np.isfinite(method.soft_labels_).all()


def test_labels_are_read_out_with_the_statistics_of_the_samples_at_the_final_weights():
    _, network, _ = pair_step(lambda batch: batch + 5)
    X, _ = blobs()
    data = ResidentData(X, np.zeros(200, dtype=np.int64), 1, Hardware.choose("cpu", "float32"))
    stale = torch.softmax(data.embed(network), 1).numpy()
    network.train()
    method = DAC(3, batch_size=200)
    method._read_out(network, data, np.random.default_rng(0))
    assert not network.training
    with torch.no_grad():
        expected = torch.softmax(network.train()(data.samples), 1).numpy()
    # Not quite the same: running variances are unbiased, those of a batch are not.
    np.testing.assert_allclose(method.soft_labels_, expected, atol=0.05)
    assert np.abs(stale - expected).max() > 0.2


def test_labels_of_a_sample_do_not_depend_on_its_batch():
    # Equal samples far apart in order would be normalised by other batches.
    X = blobs(n=400)[0]
    X[390:] = X[:10]
    method = fit(X, eta=0.3)
    np.testing.assert_allclose(method.soft_labels_[390:], method.soft_labels_[:10], atol=1e-5)


def test_the_seed_decides_everything():
    first, again, other = (fit(random_state=seed) for seed in (1, 1, 2))
    for name in ("labels_", "soft_labels_", "embedding_"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert first.history_ == again.history_
    assert not np.array_equal(first.soft_labels_, other.soft_labels_)


def test_groups_make_no_difference():
    results = [fit(groups=groups) for groups in (np.zeros(200), np.arange(200) % 5, [*[0] * 199, 1])]
    assert np.array_equal(results[0].soft_labels_, results[1].soft_labels_)
    assert np.array_equal(results[0].soft_labels_, results[2].soft_labels_)


def test_one_cluster_is_no_trouble():
    method = fit(n_clusters=1, eta=0.3)
    assert not method.labels_.any()
    assert method.history_[-1]["used_clusters"] == 1


def test_few_samples_and_samples_all_alike_are_no_trouble():
    few = fit(blobs(n=4)[0], n_clusters=3)
    assert few.labels_.shape == (4,)
    alike = fit(np.full((30, 8), 0.5, dtype=np.float32))
    assert np.isfinite(alike.soft_labels_).all()
    assert len(np.unique(alike.labels_)) == alike.history_[-1]["used_clusters"]
    assert fit(small_images(n=2), n_clusters=2, eta=0.3).labels_.shape == (2,)


def test_a_single_sample_is_refused_in_one_line():
    with pytest.raises(InvalidInputError, match="learns from pairs"):
        fit(np.zeros((1, 8)), n_clusters=1)


def test_bfloat16_works_and_is_reported():
    method = fit(small_images(), precision="bfloat16", backbone="matched")
    assert method.precision_ == "bfloat16"
    assert method.soft_labels_.dtype == np.float32
    assert np.isfinite(method.soft_labels_).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"backbone": "resnet"},
        {"eta": 0},
        {"eta": float("nan")},
        {"upper": 0.4},
        {"upper": 1.1},
        {"upper": "high"},
        {"lower": -0.1},
        {"lower": float("nan")},
        {"lower": None},
        {"augment": "yes"},
        {"batch_size": 1},
        {"learning_rate": 0},
    ],
)
def test_parameters_out_of_range_are_named(parameters):
    (name,) = parameters
    with pytest.raises(InvalidInputError, match=f"{name}="):
        fit(**parameters)


def test_divergence_is_named():
    with pytest.raises(InvalidInputError, match="training diverged"):
        fit(learning_rate=1e38, eta=0.05)


def test_images_that_a_network_does_not_take_are_refused():
    with pytest.raises(UnsupportedInputError, match="at least 4 pixels"):
        fit(small_images(side=3))
    with pytest.raises(UnsupportedInputError, match="square"):
        fit(small_images(side=6), backbone="matched")
    assert fit(small_images(side=6), eta=0.3).labels_.shape == (60,)
