import numpy as np
import pytest
import torch
from bench.methods._deep.divergences import DIVERGENCES, cauchy_schwarz, jensen_shannon, kullback_leibler
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

P = np.array([[0.5, 0.25, 0.25], [0.1, 0.2, 0.7]])
Q = np.array([[0.25, 0.5, 0.25], [0.7, 0.2, 0.1]])


@st.composite
def pairs(draw):
    k, seed = draw(st.integers(1, 8)), draw(st.integers(0, 2**32 - 1))
    concentration = draw(st.sampled_from([0.05, 1.0, 20.0]))
    return np.random.default_rng(seed).dirichlet(np.full(k, concentration), size=(2, 5)) + 1e-12


def normalised(rows):
    return rows / rows.sum(1, keepdims=True)


@settings(max_examples=60)
@given(pairs())
def test_kl_and_js_are_those_of_scipy(rows):
    p, q = (normalised(side) for side in rows)
    ours = kullback_leibler(torch.from_numpy(p), torch.from_numpy(q)).numpy()
    np.testing.assert_allclose(ours, entropy(p, q, axis=1), atol=1e-10)
    ours = jensen_shannon(torch.from_numpy(p), torch.from_numpy(q)).numpy()
    # Not SciPy's jensenshannon: it takes the root, also of what rounding left below 0.
    middle = (p + q) / 2
    np.testing.assert_allclose(ours, (entropy(p, middle, axis=1) + entropy(q, middle, axis=1)) / 2, atol=1e-10)


def test_kl_by_hand_and_its_direction():
    p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[0.25, 0.75]])
    forward = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    backward = 0.25 * np.log(0.5) + 0.75 * np.log(1.5)
    assert kullback_leibler(p, q).item() == pytest.approx(forward, abs=1e-6)
    assert kullback_leibler(q, p).item() == pytest.approx(backward, abs=1e-6)


def test_cs_by_hand():
    p, q = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.5, 0.5]])
    # Σpq = 1/2, Σp² = 1, Σq² = 1/2.
    assert cauchy_schwarz(p, q).item() == pytest.approx(np.log(2) / 2, abs=1e-6)


@settings(max_examples=60)
@given(pairs())
def test_js_and_cs_are_symmetric_and_at_least_0(rows):
    p, q = (torch.from_numpy(normalised(side)) for side in rows)
    for divergence in (jensen_shannon, cauchy_schwarz):
        torch.testing.assert_close(divergence(p, q), divergence(q, p))
        assert (divergence(p, q) >= -1e-12).all()
    assert (jensen_shannon(p, q) <= np.log(2) + 1e-12).all()


@pytest.mark.parametrize("name", ["kl", "js", "cs"])
def test_every_divergence_is_0_where_rows_agree_and_above_elsewhere(name):
    p, q = torch.from_numpy(P), torch.from_numpy(Q)
    torch.testing.assert_close(DIVERGENCES[name](p, p), torch.zeros(2, dtype=torch.float64))
    assert (DIVERGENCES[name](p, q) > 0.01).all()


@pytest.mark.parametrize("name", ["kl", "js", "cs"])
def test_rows_with_zeros_give_numbers_and_gradients(name):
    p = torch.tensor([[1.0, 0.0], [0.0, 1.0]], requires_grad=True)
    value = DIVERGENCES[name](p, torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    value.sum().backward()
    assert value[0].item() == 0
    assert value[1].item() > 0.5
    assert torch.isfinite(value).all()
    assert torch.isfinite(p.grad).all()
