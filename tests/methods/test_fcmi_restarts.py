import numpy as np
import pytest
from bench.methods._deep.parameters import seeds
from bench.methods.fcmi import FCMI
from bench.methods.fcmi_restarts import FCMIRestarts

from bench.errors import InvalidInputError
from bench.metrics import nmi

SHORT = {"epochs": 4, "warmup_epochs": 1, "batch_size": 32, "precision": "float32", "device": "cpu"}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, size=(90, 6)).astype(np.float32), rng.integers(2, size=90)


@pytest.mark.parametrize(
    ("criterion", "sign"),
    [
        ("information", lambda fit, _others: fit.history_[-1]["mi_xc_given_g"] - fit.history_[-1]["mi_gc"]),
        ("objective", lambda fit, _others: -fit.history_[-1]["loss"]),
        ("agreement", lambda fit, others: np.mean([nmi(fit.labels_, other.labels_) for other in others])),
    ],
)
def test_keeps_the_fit_with_the_largest_sign(data, criterion, sign):
    X, groups = data
    ours = FCMIRestarts(3, n_restarts=3, criterion=criterion, random_state=5, **SHORT).fit(X, sensitive_features=groups)
    plain = [FCMI(3, random_state=s, **SHORT).fit(X, sensitive_features=groups) for s in seeds(5, 3)]
    signs = [sign(fit, [other for other in plain if other is not fit]) for fit in plain]
    assert ours.signs_ == pytest.approx(signs, abs=1e-12)
    assert ours.kept_ == int(np.argmax(signs))
    assert np.array_equal(ours.labels_, plain[ours.kept_].labels_)
    assert np.array_equal(ours.embedding_, plain[ours.kept_].embedding_)
    decoded = ours.reconstruct(X, sensitive_features=groups)
    assert np.array_equal(decoded, plain[ours.kept_].reconstruct(X, sensitive_features=groups))


def test_history_holds_every_epoch_of_every_restart(data):
    X, groups = data
    heard = []
    ours = FCMIRestarts(3, n_restarts=2, random_state=0, **SHORT)
    ours.on_epoch = lambda row, n_epochs: heard.append((row["epoch"], n_epochs))
    ours.fit(X, sensitive_features=groups)
    assert heard == [(epoch, 6) for epoch in range(6)]
    assert [row["restart"] for row in ours.history_] == [0, 0, 0, 1, 1, 1]


def test_refusals(data):
    X, groups = data
    with pytest.raises(InvalidInputError, match="n_restarts=0 given"):
        FCMIRestarts(3, n_restarts=0).fit(X, sensitive_features=groups)
    with pytest.raises(InvalidInputError, match="criterion='acc' given; it takes"):
        FCMIRestarts(3, criterion="acc").fit(X, sensitive_features=groups)
