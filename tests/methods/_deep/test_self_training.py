import copy

import numpy as np
import pytest
import torch
from bench.methods._deep.hardware import Hardware
from bench.methods._deep.self_training import Schedule, StudentClusters, self_train
from bench.methods._deep.student import clustering_loss, log_assignment, target_distribution
from bench.methods._deep.training import ResidentData
from torch import nn
from torch.optim import SGD

from bench.errors import InvalidInputError

N = 40


def toy(alpha=1.0, n_groups=1):
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(N, 3)).astype(np.float32)
    groups = np.arange(N) % n_groups
    data = ResidentData(samples, groups, n_groups, Hardware(torch.device("cpu"), "float32"))
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model = StudentClusters(nn.Linear(3, 2), torch.randn(4, 2), alpha)
    return model, data


def train(model, data, *, rate=0.5, update_interval=5, tol=1e-9, max_iter=15, batch_size=N, seed=0):
    rows = []
    outcome = self_train(
        model,
        data,
        SGD(model.parameters(), rate),
        Schedule(update_interval, tol, max_iter, batch_size),
        rng=np.random.default_rng(seed),
        log=lambda index, **values: rows.append({"index": index, **values}),
    )
    return outcome, rows


def full_batch_descent(model, data, *, steps, rate, refresh_every):
    """The same training by hand, on all samples at once."""
    optimiser = SGD(model.parameters(), rate)
    for step in range(steps):
        log_soft = log_assignment(model.encoder(data.samples), model.centres, model.alpha)
        if step % refresh_every == 0:
            target = target_distribution(log_soft.exp())
        optimiser.zero_grad()
        clustering_loss(target, log_soft).backward()
        optimiser.step()
    return model.centres.detach()


def test_target_is_held_between_refreshes_and_renewed_at_them():
    model, data = toy()
    held, renewed, never = (
        full_batch_descent(copy.deepcopy(model), data, steps=15, rate=0.5, refresh_every=every) for every in (5, 1, 99)
    )
    train(model, data)
    torch.testing.assert_close(model.centres.detach(), held)
    # The comparison means something: the other two readings end elsewhere.
    assert not torch.allclose(held, renewed, atol=1e-3)
    assert not torch.allclose(held, never, atol=1e-3)


def test_frequencies_of_the_target_count_all_samples_and_not_the_batch(monkeypatch):
    model, data = toy()
    seen = []

    def spy(soft):
        seen.append(soft.shape)
        return target_distribution(soft)

    monkeypatch.setattr("bench.methods._deep.self_training.target_distribution", spy)
    train(model, data, batch_size=8)
    assert seen == [(N, 4)] * 3


def test_a_batch_meets_the_target_rows_of_its_own_samples(monkeypatch):
    model, data = toy()
    target = target_distribution(model.assign(data))
    pairs = []

    def spy(rows, log_soft):
        pairs.append((rows, log_soft))
        return clustering_loss(rows, log_soft)

    monkeypatch.setattr("bench.methods._deep.self_training.clustering_loss", spy)
    batch = data.batches(8, np.random.default_rng(1))[0]
    model.batch_terms(data, target, batch)
    ((rows, log_soft),) = pairs
    assert torch.equal(rows, target[batch.index])
    torch.testing.assert_close(log_soft.exp(), model.assign(data)[batch.index])


def test_one_step_lowers_the_divergence_from_a_fixed_target_by_encoder_and_by_centres():
    for part in ("encoder", "centres"):
        model, data = toy()
        target = target_distribution(model.assign(data))
        batch = data.batches(N, np.random.default_rng(0))[0]
        parameters = [value for name, value in model.named_parameters() if name.startswith(part)]
        before = model.batch_terms(data, target, batch)["loss"]
        before.backward()
        SGD(parameters, 0.1).step()
        assert model.batch_terms(data, target, batch)["loss"].item() < before.item()


def test_a_large_tolerance_stops_at_the_first_refresh():
    outcome, rows = train(*toy(), tol=2.0)
    assert (outcome.n_iter, outcome.stopped) == (5, "tol")
    assert len(rows) == 1


def test_the_cap_cuts_the_last_interval_short():
    model, data = toy()
    outcome, rows = train(model, data, max_iter=12, tol=1e-9, rate=5.0)
    assert (outcome.n_iter, outcome.stopped) == (12, "max_iter")
    assert [row["iteration"] for row in rows] == [5, 10, 12]
    assert [row["index"] for row in rows] == [0, 1, 2]


def test_labels_that_do_not_move_stop_and_those_that_do_go_on():
    # No label changes at this rate; what is compared are two refreshes, not the first with nothing.
    outcome, rows = train(*toy(), rate=1e-9)
    assert (outcome.n_iter, outcome.stopped) == (5, "tol")
    assert rows[0]["changed"] == 0


def test_changed_is_the_share_of_labels_that_differ():
    model, data = toy()
    before = model.assign(data).argmax(1)
    _, rows = train(model, data, rate=5.0, max_iter=5)
    share = (model.assign(data).argmax(1) != before).float().mean().item()
    assert 0 < share < 1
    assert rows[0]["changed"] == pytest.approx(share)


def test_no_iterations_leave_encoder_and_centres_as_they_are():
    model, data = toy()
    before = copy.deepcopy(model.state_dict())
    outcome, rows = train(model, data, max_iter=0)
    assert (outcome.n_iter, outcome.stopped, rows) == (0, "max_iter", [])
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_batches_go_on_over_passes_without_repeating_their_order():
    # 2 batches a pass, 7 iterations: an iterator that ends would stop early or fail.
    outcome, _ = train(*toy(), batch_size=20, update_interval=7, max_iter=7)
    assert outcome.n_iter == 7


def test_batch_normalisation_keeps_the_statistics_of_the_pretraining():
    model, data = toy()
    model.encoder = nn.Sequential(model.encoder, nn.BatchNorm1d(2))
    data.embed(model.encoder)
    train(model, data, batch_size=8)
    assert int(model.encoder[1].num_batches_tracked) == 0


def test_alpha_reaches_training():
    ends = []
    for alpha in (1.0, 8.0):
        model, data = toy(alpha)
        train(model, data)
        expected, _ = toy(alpha)
        hand = full_batch_descent(expected, data, steps=15, rate=0.5, refresh_every=5)
        torch.testing.assert_close(model.centres.detach(), hand)
        ends.append(hand)
    assert not torch.allclose(*ends, atol=1e-3)


def test_assignments_do_not_depend_on_chunks(monkeypatch):
    model, data = toy()
    whole = model.assign(data)
    monkeypatch.setattr("bench.methods._deep.self_training.ASSIGN_CHUNK", 7)
    assert torch.equal(whole, model.assign(data))


def test_divergence_is_named():
    model, data = toy()
    with torch.no_grad():
        model.centres[0] = torch.nan
    with pytest.raises(InvalidInputError, match=r"training diverged; lower learning_rate"):
        train(model, data)
